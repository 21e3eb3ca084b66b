import { changePolicy, readJournal } from 'casbin-bootstrap';
import { readUser, subjectOf } from './permissions.js';
import { policy } from './policy.js';

/**
 * Who has which role. A change of the policy is part of the transaction that the application makes: both are there, or
 * none. The journal has who has made it, and why.
 */
export function addMembers(app, { pool, enforcer }) {
  const write = { config: { permission: ['members', 'write'] } };
  const read = { config: { permission: ['members', 'read'] } };

  app.put('/members/:name/roles/:role', write, async (request, reply) => {
    const { name, role } = request.params;
    if (!Object.hasOwn(policy.roles, role)) return reply.code(400).send({ error: `no role ${role}` });
    await inTransaction(pool, async (client) => {
      await client.query('insert into member (name) values ($1) on conflict do nothing', [name]);
      await changePolicy(client, { assign: [[subjectOf(name), role]] }, reasonOf(request));
    });
    await enforcer.caughtUp(); // here; the other instances follow by themselves
    return reply.code(204).send();
  });

  app.delete('/members/:name/roles/:role', write, async (request, reply) => {
    const { name, role } = request.params;
    await inTransaction(pool, (client) =>
      changePolicy(client, { unassign: [[subjectOf(name), role]] }, reasonOf(request)),
    );
    await enforcer.caughtUp();
    return reply.code(204).send();
  });

  app.get('/members/:name/history', read, async (request) => {
    const entries = await readJournal(pool, { value: subjectOf(request.params.name) });
    return entries.map(({ at, actor, operation, values, reason }) => ({
      at,
      actor,
      change: `${operation} ${values.join(' ')}`,
      reason,
    }));
  });
}

function reasonOf(request) {
  return { policy, actor: readUser(request), reason: request.query.reason };
}

async function inTransaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
