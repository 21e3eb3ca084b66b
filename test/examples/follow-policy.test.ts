import { execFile } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Enforcer, newModelFromString } from 'casbin';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, defaultPolicy, type PoolLike } from '../../src/index.ts';
import { listen } from '../bootstrap/notification.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

interface Following {
  readonly enforcer: Enforcer;
  close(): Promise<void>;
}

interface Given {
  pool: PoolLike;
  connectionString: string;
  options: object;
  onError(error: Error): void;
  retryAfterMs?: number;
}

// JavaScript, without types.
const { followPolicy }: { followPolicy(given: Given): Promise<Following> } = await import(
  new URL('../../examples/follow-policy.js', import.meta.url).href
);

const OPTIONS = { policy: defaultPolicy, seeders: [] };
const CHANGES = 30;

async function bootstrapped(): Promise<TestDatabase> {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), OPTIONS);
  return database;
}

/** The example on a database, closed with the test, and what it was told of errors. */
async function follow(database: TestDatabase, given: Partial<Given> = {}) {
  const errors: Error[] = [];
  const pool = database.pool();
  const following = await followPolicy({
    pool,
    connectionString: database.url,
    options: OPTIONS,
    onError: (error) => errors.push(error),
    retryAfterMs: 10,
    ...given,
  });
  onTestFinished(() => following.close());
  return { following, errors };
}

/** Grants something that no instance has loaded, and tells of it. */
async function grant(pool: pg.Pool, user: string) {
  await pool.query(`insert into casbin (ptype, rule) values ('g', jsonb_build_array($1::text, 'user'))`, [
    user,
  ]);
  await pool.query('select pg_notify($1, $2)', ['casbin', JSON.stringify({ source: user })]);
}

async function untilAllowed(following: Following, user: string) {
  while (!(await following.enforcer.enforce(user, 'accounts', 'write'))) await turn();
}

test(`no valid request is denied while ${CHANGES} changes are swapped in`, async () => {
  const database = await bootstrapped();
  const { following, errors } = await follow(database);
  let [asked, denied, done] = [0, 0, false];
  const asking = (async () => {
    for (; !done; asked++) {
      if (!(await following.enforcer.enforce('user', 'accounts', 'read'))) denied++;
      await turn();
    }
  })();

  const pool = database.pool();
  for (let change = 1; change <= CHANGES; change++) {
    await grant(pool, `user${change}`);
    await untilAllowed(following, `user${change}`);
  }
  done = true;
  await asking;

  expect(denied).toBe(0);
  expect(asked).toBeGreaterThan(CHANGES);
  expect(errors).toEqual([]);
});

test("Casbin's own reload denies a valid request for as long as it takes", async () => {
  const database = await bootstrapped();
  const enforcer = await createEnforcer(database.pool(), OPTIONS);

  const reloaded = enforcer.loadPolicy();

  expect(enforcer.enforceSync('user', 'accounts', 'read')).toBe(false);
  await reloaded;
  expect(enforcer.enforceSync('user', 'accounts', 'read')).toBe(true);
});

test("Casbin's own reload allows a forbidden request for as long, where what nothing denies is allowed", async () => {
  const model = newModelFromString(
    modelText({
      p: 'sub, obj, act, eft',
      g: [],
      e: '!some(where (p.eft == deny))',
      m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act',
    }),
  );
  const options = { model, policy: { rules: [['p', 'eve', 'accounts', 'write', 'deny']] }, seeders: [] };
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options);
  const enforcer = await createEnforcer(pool, options);

  const reloaded = enforcer.loadPolicy();

  expect(enforcer.enforceSync('eve', 'accounts', 'write')).toBe(true);
  await reloaded;
  expect(enforcer.enforceSync('eve', 'accounts', 'write')).toBe(false);
});

test('notifications that arrive during a load ask for one more load, however many they are', async () => {
  const database = await bootstrapped();
  const pool = database.pool();
  const { slow, loads, hold, letGo } = slowPool(pool);
  const { following } = await follow(database, { pool: slow });
  const witness = await listen(database, 'casbin');

  const hasRead = hold();
  await pool.query(`select pg_notify('casbin', 'first')`);
  await hasRead;
  await grant(pool, 'alice');
  await pool.query(`select pg_notify('casbin', n::text) from generate_series(1, 50) n`);
  expect(await witness.untilSentinel()).toHaveLength(52);
  letGo();

  await untilAllowed(following, 'alice');
  expect(loads()).toBeLessThan(10);
});

/** A pool whose queries have read, and don't answer, while it is told to hold. */
function slowPool(pool: pg.Pool) {
  let count = 0;
  let gate = Promise.resolve();
  let letGo = () => {};
  let tell = () => {};
  const slow: PoolLike = {
    async connect() {
      const client = await pool.connect();
      count++;
      return {
        async query(text, values) {
          const result = await client.query(text, values);
          tell();
          await gate;
          return result;
        },
        release: (error) => client.release(error),
      };
    },
  };
  const hold = () => {
    gate = new Promise((resolve) => {
      letGo = resolve;
    });
    return new Promise<void>((resolve) => {
      tell = resolve;
    });
  };
  return { slow, loads: () => count, hold, letGo: () => letGo() };
}

test('changes during a lost connection are loaded when it is back', async () => {
  const database = await bootstrapped();
  const role = await database.createRole();
  const pool = database.pool();
  const { following, errors } = await follow(database, { connectionString: role.url });

  await pool.query(`alter role ${role.name} nologin`);
  await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, [role.name]);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
  while (!errors.some(({ message }) => message.includes('not permitted to log in'))) await turn();
  expect(await following.enforcer.enforce('alice', 'accounts', 'write')).toBe(false);
  await pool.query(`alter role ${role.name} login`);

  await untilAllowed(following, 'alice');

  expect(await following.enforcer.enforce('user', 'accounts', 'read')).toBe(true);
  expect(errors[0]?.message).toMatch(/terminat/);
});

test('a load that fails leaves the enforcer of before, and is made again', async () => {
  const database = await bootstrapped();
  const pool = database.pool();
  const { following, errors } = await follow(database);

  await pool.query(`insert into casbin (ptype, rule) values ('p', '["a", "b"]')`);
  await grant(pool, 'alice');
  while (errors.length < 2) await turn();
  expect(errors[0]).toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
  expect(await following.enforcer.enforce('user', 'accounts', 'read')).toBe(true);
  await pool.query(`delete from casbin where rule = '["a", "b"]'`);

  await untilAllowed(following, 'alice');
});

test('one that can not start says so, and leaves nothing open', async () => {
  const database = await bootstrapped();
  await expect(follow(database, { options: { schema: 'nowhere' } })).rejects.toMatchObject({
    code: 'TABLE_MISSING',
  });
});

test('the first administrator reaches running instances, watchers among them', async () => {
  const database = await bootstrapped();
  const { following } = await follow(database);
  const watcher = await listen(database, 'casbin');
  expect(await following.enforcer.enforce('alice', 'users', 'write')).toBe(false);

  await promisify(execFile)(process.execPath, ['examples/smallest/first-administrator.js', 'alice'], {
    env: { ...process.env, DATABASE_URL: database.url },
  });

  while (!(await following.enforcer.enforce('alice', 'users', 'write'))) await turn();
  expect((await watcher.untilSentinel()).map((payload) => JSON.parse(payload))).toEqual([
    { source: 'first-administrator', now: expect.stringMatching(/^\d{4}-/) },
  ]);
});
