import Fastify from 'fastify';
import { addMembers } from './members.js';
import { readUser, requirePermissions } from './permissions.js';

const needs = (resource, action) => ({ config: { permission: [resource, action] } });

/**
 * The API on a database and an enforcer. It does not listen yet, so a test can call it in its own process. `onRoute` is
 * called with every route.
 */
export async function buildApp({ pool, enforcer, logger = false, onRoute = () => {} }) {
  const app = Fastify({ logger });
  app.addHook('onRoute', onRoute);
  await requirePermissions(app, enforcer);

  // Healthy is an instance that can ask the database, and decides on what it holds by now.
  app.get('/health', { config: { public: true } }, async () => {
    await enforcer.caughtUp();
    return { ok: true };
  });

  app.get('/invoices', needs('invoices', 'read'), async () => {
    const { rows } = await pool.query('select id, customer, approved_by from invoice order by id');
    return rows;
  });

  app.post('/invoices', needs('invoices', 'write'), async (request, reply) => {
    const { customer } = Object(request.body);
    if (typeof customer !== 'string') return reply.code(400).send({ error: 'customer is missing' });
    const { rows } = await pool.query('insert into invoice (customer) values ($1) returning id', [customer]);
    return reply.code(201).send(rows[0]);
  });

  app.post('/invoices/:id/approval', needs('invoices', 'approve'), async (request, reply) => {
    const { rowCount } = await pool.query('update invoice set approved_by = $1 where id::text = $2', [
      readUser(request),
      request.params.id,
    ]);
    return reply.code(rowCount === 0 ? 404 : 204).send();
  });

  addMembers(app, { pool, enforcer });
  return app;
}
