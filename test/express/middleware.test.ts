import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newEnforcer } from 'casbin';
import { expect, onTestFinished, test } from 'vitest';
import { createRequires, type DecidingEnforcer } from '../../src/express/index.ts';
import { rbacModel } from '../casbin/models.fixture.ts';

/** Asks for a route that requires a permission, as this user. */
async function ask(user: string, given: Partial<DecidingEnforcer> = {}) {
  const allowed = await newEnforcer(rbacModel());
  await allowed.addPolicy('alice', 'accounts', 'read');
  const enforcer = { getModel: () => allowed.getModel(), enforce: allowed.enforce.bind(allowed), ...given };
  const logged: [string, object][] = [];
  const logger = {
    debug() {},
    info: (fields: object) => void logged.push(['info', fields]),
    warn: (fields: object) => void logged.push(['warn', fields]),
  };
  const subject = (request: IncomingMessage) => request.headers['x-user'] as string;
  const requires = createRequires({ enforcer, logger, subject, challenge: 'Bearer' });
  let served = 0;
  const server = createServer((request, response) => {
    const next = () => {
      served += 1;
      response.end('served');
    };
    void requires('accounts', 'read')(request, response, next);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-user': user } });
  return { status: response.status, headers: response.headers, body: await response.text(), served, logged };
}

test('a request that is allowed goes on', async () => {
  expect(await ask('alice')).toMatchObject({ status: 200, body: 'served', served: 1, logged: [] });
});

test('a request that is denied is answered, does not go on, and is logged', async () => {
  const { headers, ...answer } = await ask('eve');
  expect(answer).toEqual({
    status: 403,
    body: '{"type":"about:blank","title":"Forbidden","status":403}',
    served: 0,
    logged: [['info', { event: 'request_denied', subject: 'eve', resource: 'accounts', action: 'read' }]],
  });
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(headers.get('content-length')).toBe('55');
});

test('a request of nobody is answered with the challenge', async () => {
  const { status, headers, served } = await ask('');
  expect({ status, served }).toEqual({ status: 401, served: 0 });
  expect(headers.get('www-authenticate')).toBe('Bearer');
});

test('a request that can not be decided does not go on, and its error is logged as a warning', async () => {
  const { status, served, logged } = await ask('alice', { state: { status: 'stale', error: null } });
  expect({ status, served }).toEqual({ status: 503, served: 0 });
  expect(logged).toMatchObject([['warn', { event: 'request_undecided' }]]);
});
