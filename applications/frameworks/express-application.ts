import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequires } from 'casbin-bootstrap/express';
import type { Express, Request } from 'express';
import type { Application, Start } from './application.ts';
import { makeLive, readUser } from './live.ts';
import { policy, tenantPolicy } from './policy.ts';

/** The same program for Express 4 and 5, which are given. */
export async function startExpress(express: () => Express, start: Start): Promise<Application> {
  const live = await makeLive(start);
  const errors: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_: object, message = '') => void errors.push(message),
  };
  const app = express();
  app.get('/open', (_, response) => void response.json({ route: 'open' }));
  if (start.withTenants) {
    const requires = createRequires({
      enforcer: live,
      policy: tenantPolicy,
      logger,
      subject: (request: Request) => readUser(request.headers['x-user']),
      domain: (request) => String(request.params.tenant ?? ''),
    });
    app.get('/tenants/:tenant/invoices', requires('invoices', 'read'), (request, response) => {
      response.json({ tenant: request.params.tenant });
    });
    app.get('/invoices', requires('invoices', 'read'), (_, response) => void response.json({}));
  } else {
    const requires = createRequires({
      enforcer: live,
      policy,
      logger,
      challenge: 'Bearer',
      subject: async (request: Request) => readUser(request.headers['x-user']),
    });
    app.get(
      '/accounts',
      requires('accounts', 'read'),
      (_, response) => void response.json({ route: 'list' }),
    );
    app.post(
      '/accounts',
      requires('accounts', 'write'),
      (_, response) => void response.json({ route: 'add' }),
    );
    app.delete(
      '/accounts/:id',
      requires('accounts', 'delete'),
      requires('accounts', 'read'),
      (request, response) => {
        const id: string = request.params.id;
        response.json({ route: 'delete', id });
      },
    );
  }
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    live,
    errors,
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await live.close();
    },
  };
}
