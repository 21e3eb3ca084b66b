import Fastify from 'fastify';
import { requirePermissions, subjectOf } from './permissions.js';
import { policy } from './policy.js';

const needs = (resource, action) => ({ config: { permission: [resource, action] } });

/**
 * The API on a database and an enforcer. It does not listen yet, so a test can ask it in its own process; `onRoute` is
 * told of every route.
 */
export function buildApp({ pool, enforcer, logger = false, onRoute = () => {} }) {
  const app = Fastify({ logger });
  app.addHook('onRoute', onRoute);
  requirePermissions(app, enforcer);

  app.get('/health', { config: { public: true } }, async () => ({ ok: true }));

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
      request.user,
      request.params.id,
    ]);
    return reply.code(rowCount === 0 ? 404 : 204).send();
  });

  app.put('/members/:name/roles/:role', needs('members', 'write'), async (request, reply) => {
    const { name, role } = request.params;
    if (!Object.hasOwn(policy.roles, role)) return reply.code(400).send({ error: `no role ${role}` });
    await enforcer.addRoleForUser(subjectOf(name), role);
    return reply.code(204).send();
  });

  return app;
}
