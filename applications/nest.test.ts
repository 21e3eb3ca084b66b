import { expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase } from '../test/support/database.ts';
import { bootstrapDatabase } from './library.ts';

/** Not by name: the compiler of the project does not know the decorators that Nest has. */
const load = (name: string) => import(new URL(`frameworks/${name}.ts`, import.meta.url).href);

const { OPTIONS } = await load('policy');
const cases = await load('nest-cases');

async function createBootstrapped() {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, OPTIONS);
  return { database, pool };
}

/** The status that each of these users gets. Each is called as one of the roles. */
async function statuses(url: string, users: readonly string[]): Promise<number[]> {
  const responses = await Promise.all(users.map((user) => fetch(url, { headers: { 'x-user': user } })));
  return responses.map(({ status }) => status);
}

test.for([
  ['a controller requires what the one that it extends does, too', 'startDerived'],
  ['a route that is marked twice requires both', 'startTwice'],
])('%s', async ([, name = '']) => {
  const { pool } = await createBootstrapped();
  const { app, url } = await cases[name](pool);
  onTestFinished(() => app.close());
  expect(await statuses(url, ['reader', 'writer', 'keeper'])).toEqual([403, 403, 200]);
});

test('where routes that say nothing are refused, each must say that it requires something or is public', async () => {
  const { pool } = await createBootstrapped();
  const { app, url, errors } = await cases.startClosed(pool);
  onTestFinished(() => app.close());
  const asked = async (path: string) => (await statuses(`${url}/${path}`, ['reader', 'keeper'])).join(' ');

  expect(await asked('forgotten')).toBe('403 403');
  expect(errors[0]).toContain('ClosedController.forgotten has neither @Requires nor @Public()');
  expect(await asked('health')).toBe('200 200');
  expect(await asked('accounts')).toBe('200 200');
  expect(await asked('open')).toBe('200 200');
  expect(await asked('open/accounts')).toBe('403 200');
  const refused = await fetch(`${url}/forgotten`);
  expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await refused.json()).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403 });
});

test('an application does not start whose routes require names that the policy does not have', async () => {
  const { pool } = await createBootstrapped();
  await expect(cases.startMisspelt(pool)).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    problems: [
      { at: 'MisspeltController', message: 'the policy has no resource "acounts". It has accounts.' },
      {
        at: 'MisspeltController.show',
        message: 'the policy has no action "raed". It has read, write, delete.',
      },
    ],
  });
});

test('while an application shuts down it still decides; then the enforcer is closed, and the pool can end', async () => {
  const { pool } = await createBootstrapped();
  const { app, live, statuses } = await cases.startAskingAtTheEnd(pool);
  expect(live.state.status).toBe('current');
  await app.close();
  expect(statuses).toEqual([200]);
  expect(live.state.status).toBe('closed');
  await pool.end();
});

test('Nest’s logger is told when the policy can’t be read', async () => {
  const { pool } = await createBootstrapped();
  const { app, live, errors } = await cases.startTwice(pool);
  onTestFinished(() => app.close());
  await pool.query('insert into casbin (ptype, rule) values (\'p\', \'["too", "short"]\')');
  await expect(live.caughtUp()).rejects.toThrow();
  await vi.waitUntil(() => errors.length > 0);
  expect(errors[0]).toMatch(/^The policy could not be read: .*do not fit the model/);
});
