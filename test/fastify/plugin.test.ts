import { newEnforcer } from 'casbin';
import fastify, { type FastifyRequest } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { permissions } from '../../src/fastify/index.ts';
import { rbacModel } from '../casbin/models.fixture.ts';

/** An application with a route that requires a permission. */
async function start(given: object = {}) {
  const enforcer = await newEnforcer(rbacModel());
  await enforcer.addPolicy('alice', 'accounts', 'read');
  const subject = ({ headers }: FastifyRequest) => headers['x-user'] as string;
  const lines: string[] = [];
  const app = fastify({ logger: { stream: { write: (line) => void lines.push(line) } } });
  onTestFinished(() => app.close());
  await app.register(permissions, { enforcer, subject, challenge: 'Bearer', ...given });
  let served = 0;
  const schema = { response: { '4xx': { type: 'object', properties: { error: { type: 'string' } } } } };
  app.get('/', { onRequest: app.requires('accounts', 'read'), schema }, async () => {
    served += 1;
    return 'served';
  });
  const ask = async (user: string) => {
    const response = await app.inject({ url: '/', headers: { 'x-user': user } });
    const events = lines.map((line) => JSON.parse(line).event).filter((event) => event !== undefined);
    return { status: response.statusCode, headers: response.headers, body: response.body, served, events };
  };
  return { app, ask };
}

test('a request that is allowed goes on', async () => {
  const { ask } = await start();
  expect(await ask('alice')).toMatchObject({ status: 200, body: 'served', served: 1, events: [] });
});

test('a request that is denied is answered, does not go on, and is logged', async () => {
  const { ask } = await start();
  expect(await ask('eve')).toMatchObject({
    status: 403,
    headers: { 'content-type': expect.stringMatching(/^application\/problem\+json/) },
    body: '{"type":"about:blank","title":"Forbidden","status":403}',
    served: 0,
    events: ['request_denied'],
  });
});

test('a request of nobody is answered with the challenge', async () => {
  const { ask } = await start();
  const headers = { 'www-authenticate': 'Bearer' };
  expect(await ask('')).toMatchObject({ status: 401, headers, served: 0 });
});

test('a route may not require what the policy does not have', async () => {
  const policy = { roles: { reader: { permissions: { accounts: ['read'] } } } };
  const { app } = await start({ policy });
  expect(() => app.requires('acounts', 'read')).toThrow('the policy has no resource "acounts"');
});

test('takes the options of Fastify itself, and refuses others', async () => {
  await start({ prefix: '/api', logLevel: 'info', logSerializers: {} });
  await expect(start({ subjct: () => 'alice' })).rejects.toMatchObject({ problems: [{ at: 'subjct' }] });
});
