import { permissions } from 'casbin-bootstrap/fastify';
import Fastify from 'fastify';
import type { Application, Start } from './application.ts';
import { makeLive, readUser } from './live.ts';
import { policy, tenantPolicy } from './policy.ts';

const RESPONSES = { response: { '4xx': { type: 'object', properties: { error: { type: 'string' } } } } };

export async function startFastify(start: Start): Promise<Application> {
  const live = await makeLive(start);
  const errors: string[] = [];
  const stream = {
    write(line: string) {
      const { level, msg } = JSON.parse(line);
      if (level >= 50) errors.push(msg);
    },
  };
  const app = Fastify({ logger: { stream } });
  app.addHook('onClose', () => live.close());
  app.get('/open', async () => ({ route: 'open' }));
  if (start.withTenants) {
    await app.register(permissions, {
      enforcer: live,
      policy: tenantPolicy,
      subject: (request) => readUser(request.headers['x-user']),
      domain: (request) => Object(request.params).tenant,
    });
    app.get<{ Params: { tenant: string } }>(
      '/tenants/:tenant/invoices',
      { onRequest: app.requires('invoices', 'read') },
      async (request) => ({ tenant: request.params.tenant }),
    );
    app.get('/invoices', { onRequest: app.requires('invoices', 'read') }, async () => ({}));
  } else {
    await app.register(permissions, {
      enforcer: live,
      policy,
      challenge: 'Bearer',
      subject: async (request) => readUser(request.headers['x-user']),
      logLevel: 'info',
    });
    // A plugin of its own, as routes usually are.
    await app.register(async (routes) => {
      routes.get(
        '/accounts',
        { onRequest: routes.requires('accounts', 'read'), schema: RESPONSES },
        async () => ({ route: 'list' }),
      );
      routes.post<{ Body: unknown }>(
        '/accounts',
        { preHandler: [routes.requires('accounts', 'write')] },
        async () => ({ route: 'add' }),
      );
      routes.delete<{ Params: { id: string } }>(
        '/accounts/:id',
        { onRequest: [routes.requires('accounts', 'delete'), routes.requires('accounts', 'read')] },
        async (request) => ({ route: 'delete', id: request.params.id }),
      );
    });
  }
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, live, errors, close: () => app.close() };
}
