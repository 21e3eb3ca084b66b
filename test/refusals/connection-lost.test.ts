import { once } from 'node:events';
import { createServer } from 'node:net';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { failureOf, refusalOf } from './refusal.fixture.ts';

/** As PgBouncer, which takes a login and then ends the connection over the first statement. */
async function startRefusingPooler(reason: string) {
  const message = (type: string, body: string) => {
    const bytes = Buffer.from(`${type}    ${body}`);
    bytes.writeInt32BE(bytes.length - 1, 1);
    return bytes;
  };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')]));
      socket.once('data', () => socket.end(message('E', `SFATAL\0C08P01\0M${reason}\0\0`)));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: Number(Reflect.get(Object(server.address()), 'port')),
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** A pool of one connection, and which backend serves it: another one after a connection that is not used again. */
async function openOne() {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  const backend = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
  return { database, pool, backend, pid: await backend() };
}

describe('a connection that is lost', () => {
  const killing: Seeder = {
    name: 'killing',
    async seed({ db }) {
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(db);
      return { inserted: 0, existing: 0 };
    },
  };

  async function expectSound(database: TestDatabase, pool: pg.Pool): Promise<void> {
    await expect(bootstrapDatabase(pool), 'running again is fine').resolves.toBeDefined();
    const { rows } = await database.pool().query('select count(*)::int as rules from casbin');
    expect(rows).toEqual([{ rules: 16 }]);
  }

  test('because the backend of a seeder was terminated is reported, with the seeder', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const error = await refusalOf(database, { seeders: [killing] }, pool);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    expect(error.message).toMatch(
      /^The connection was lost: Seeder "killing" failed: .* Nothing was changed\. Run it again\.$/,
    );
    await expectSound(database, pool);
  });

  test('while a seeder stores a rule is reported, with the seeder', async () => {
    const database = await createBootstrapped();
    await database.pool().query(`
      create function kill() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return new; end';
      create trigger kill before insert on casbin for each row execute function kill()`);
    const storing: Seeder = {
      name: 'storing',
      async seed({ adapter }) {
        await adapter.addPolicy('p', 'p', ['user', 'reports', 'read']);
        return { inserted: 1, existing: 0 };
      },
    };
    const pool = database.pool();
    const error = await refusalOf(database, { seeders: [storing] }, pool);
    expect(error).toMatchObject({
      code: 'CONNECTION_LOST',
      message:
        'The connection was lost: Seeder "storing" failed: terminating connection due to administrator command. Nothing was changed. Run it again.',
    });
    await expectSound(database, pool);
  });

  test('while a seeder waits for something else is reported', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const observer = database.pool();
    const waiting: Seeder = {
      name: 'waiting',
      async seed({ db }) {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
        const ended = once(Object(await clientOf), 'error');
        await observer.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
        await ended;
        return { inserted: 0, existing: 0 };
      },
    };
    const clientOf = once(pool, 'acquire').then(([client]) => client);
    const error = await refusalOf(database, { seeders: [waiting] }, pool);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    await expectSound(database, pool);
  });

  test('and ignored by a seeder is still reported', async () => {
    const database = await createDatabase();
    const seed: Seeder['seed'] = async (context) => {
      await killing.seed(context).catch(() => {});
      return { inserted: 1, existing: 0 };
    };
    const error = await refusalOf(database, { seeders: [{ name: 'careless', seed }] });
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  test('is told with its own reason, whatever a seeder throws afterwards', async () => {
    const database = await createDatabase();
    const seed: Seeder['seed'] = async (context) => {
      await killing.seed(context).catch(() => {});
      throw new Error('no plans');
    };
    const error = await refusalOf(database, { seeders: [{ name: 'careless', seed }] });
    expect(error.message).toBe(
      'The connection was lost: Seeder "careless" failed: terminating connection due to administrator command. Nothing was changed. Run it again.',
    );
  });

  // What PostgreSQL, a pooler such as PgBouncer or Node's sockets say of a connection that is gone or useless.
  test.each(['08000', '08003', '08006', '08P01', '57P01', '57P02', '57P03', '25P03', 'EPIPE', 'ETIMEDOUT'])(
    'is recognized by its code, and its client is not used again: %s',
    async (code) => {
      const { pool, backend, pid } = await openOne();
      pool.once('acquire', (client) => {
        const query = client.query.bind(client);
        client.query = (config: { text: string }) =>
          config.text === 'select 7'
            ? Promise.reject(Object.assign(new Error('server conn crashed?'), { code }))
            : query(config);
      });
      const losing: Seeder = {
        name: 'losing',
        seed: async ({ db }) => Promise.reject(await sql`select 7`.execute(db)),
      };
      const error = await failureOf(() => bootstrapDatabase(pool, { seeders: [losing] }));
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
      expect(await backend()).not.toBe(pid);
    },
  );

  test.each(['ECONNRESET', 'ETIMEDOUT', '57P01'])(
    'is not the one of a seeder that has lost another, and says the same: %s',
    async (code) => {
      const { database, pool, backend, pid } = await openOne();
      const cause = Object.assign(new Error(`read ${code}`), { code });
      const calling: Seeder = {
        name: 'calling',
        seed: () => Promise.reject(new Error('the API does not answer', { cause })),
      };
      const error = await refusalOf(database, { seeders: [calling] }, pool);
      expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED' });
      expect(error.message).toBe('Seeder "calling" failed: the API does not answer. Nothing was changed.');
      expect(await backend()).toBe(pid);
    },
  );

  test.each(['0800', '080061', 'X08006', '22012', 'ENOENT'])(
    'is not what any other code says: %s',
    async (code) => {
      const { database, pool, backend, pid } = await openOne();
      const failing: Seeder = {
        name: 'failing',
        seed: () => Promise.reject(Object.assign(new Error('no stock'), { code })),
      };
      const error = await refusalOf(database, { seeders: [failing] }, pool);
      expect(error).toMatchObject({ code: 'SEEDER_FAILED' });
      expect(await backend()).toBe(pid);
    },
  );

  test.each([
    /^begin .*read only/,
    /casbin_bootstrap_migration/,
    /^begin .*read write/,
    /pg_advisory_xact_lock/,
    /create table .*casbin/,
    /insert into .*casbin/,
    /insert into "providers"/,
  ])('by a cut wire is reported: at %s', async (statement) => {
    const database = await createDatabase();
    for (const moment of ['before', 'after'] as const) {
      await using wire = await openWire(database.url);
      const pool = database.pool({ connectionString: wire.url });
      wire.cutOn(statement, moment);
      const error = await refusalOf(database, {}, pool);
      expect(wire.cuts).toBe(1);
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
      expect(error.message).toContain('Nothing was changed. Run it again.');
      await pool.end();
    }
  });

  test.each([
    ['before', 0],
    ['after', 16],
  ] as const)(
    '%s the commit reached the server leaves the outcome unknown, and running again is fine',
    async (moment, rules) => {
      const database = await createDatabase();
      await using wire = await openWire(database.url);
      const pool = database.pool({ connectionString: wire.url });
      const cutting: Seeder = {
        name: 'cutting',
        async seed() {
          wire.cutOn(/^commit/, moment);
          return { inserted: 0, existing: 0 };
        },
      };
      const error = await failureOf(() => bootstrapDatabase(pool, { seeders: [cutting] }));
      expect(wire.cuts).toBe(1);
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'OUTCOME_UNKNOWN' });
      expect(error.message).toContain('either all of them were, or none. Run it again');
      expect(error.cause).toBeInstanceOf(Error);
      const { rows } = await database.pool().query("select to_regclass('casbin') is not null as done");
      expect(rows).toEqual([{ done: rules > 0 }]);
      await expectSound(database, pool);
      await pool.end();
    },
  );

  test.for([
    ['the look', 'read only', bootstrapDatabase],
    ['the write transaction', 'read write', bootstrapDatabase],
    ['a verification', 'read only', verifyDatabase],
  ] as const)(
    'a statement that fails right behind the begin of %s leaves no transaction open',
    async ([begun, mode, run]) => {
      const database = await createDatabase();
      const pool = database.pool({ max: 1 });
      if (begun === 'the look') await bootstrapDatabase(pool);
      const failing = {
        async connect() {
          const client = await pool.connect();
          return Object.assign(Object.create(client), {
            query: (query: { text: string }) =>
              client.query(
                query.text.startsWith('begin') && query.text.includes(mode)
                  ? { ...query, text: query.text.replace(';', '; select 1/0;') }
                  : query,
              ),
          });
        },
      };
      const error = await failureOf(() => run(failing));
      expect(error).toMatchObject({ code: 'DATABASE_REFUSED' });
      expect(error.message).toContain('division by zero');
      await expect(pool.query('select 1'), 'the client can be used').resolves.toBeDefined();
      expect(pool.totalCount).toBe(1);
    },
  );

  test('by a transaction_timeout is reported, with how to raise it', async ({ skip }) => {
    const database = await createDatabase();
    const { rows } = await database.pool().query('show server_version_num');
    skip(Number(rows[0].server_version_num) < 170_000, 'PostgreSQL 17 is the first to have this setting');
    const waiting: Seeder = {
      name: 'waiting',
      async seed({ db }) {
        await sql`set local transaction_timeout = '50ms'`.execute(db);
        await sql`select pg_sleep(30)`.execute(db);
        return { inserted: 0, existing: 0 };
      },
    };
    const error = await failureOf(() => bootstrapDatabase(database.pool(), { seeders: [waiting] }));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    expect(error.message).toBe(
      'The connection was lost: Seeder "waiting" failed: terminating connection due to transaction timeout. Nothing was changed. The bootstrap takes longer than the server\'s transaction_timeout allows. Raise it for this role: alter role … set transaction_timeout = …;',
    );
  });

  test.each([
    [
      'transaction blocks not allowed in statement pooling mode',
      /statement pooling mode\. Nothing was changed\. A bootstrap is one transaction: set pool_mode = transaction/,
    ],
    [
      'query_wait_timeout',
      /query_wait_timeout\. Nothing was changed\. Run it again; if it fails again, connect to the/,
    ],
  ])('by a pooler is reported with its own reason: %s', async (reason, message) => {
    await using pooler = await startRefusingPooler(reason);
    const pool = new pg.Pool({ host: '127.0.0.1', port: pooler.port, user: 'me', database: 'db' });
    const error = await failureOf(() => bootstrapDatabase(pool));
    await pool.end();
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_LOST' });
    expect(error.message).toMatch(message);
  });

  test("between two statements is reported, with the server's own reason", async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const observer = database.pool();
    const clientOf = once(pool, 'acquire').then(([client]) => client);
    const idle: Seeder = {
      name: 'idle',
      async seed({ db }) {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
        const client = await clientOf;
        const ended = new Promise((resolve) => client.once('end', resolve));
        await observer.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
        await ended;
        await sql`select 1`.execute(db);
        return { inserted: 0, existing: 0 };
      },
    };
    const error = await refusalOf(database, { seeders: [idle] }, pool);
    expect(error.message).toContain('terminating connection due to administrator command');
  });

  test('before the commit was sent leaves nothing unknown', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const observer = database.pool();
    let client: pg.PoolClient | undefined;
    pool.once('acquire', (acquired) => {
      client = acquired;
    });
    const configureEnforcer = async () => {
      const ending = client;
      client = undefined;
      if (ending === undefined) return;
      const ended = new Promise((resolve) => ending.once('end', () => resolve(null)));
      await observer.query('select pg_terminate_backend($1)', [Reflect.get(ending, 'processID')]);
      await ended;
    };
    const options = { configureEnforcer, notifyChannel: false, seeders: [] };
    const error = await refusalOf(database, options, pool);
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(error.message).toContain(
      'terminating connection due to administrator command. Nothing was changed.',
    );
  });

  test('at the end of a look that found nothing to do leaves nothing unknown', async () => {
    const database = await createBootstrapped();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    wire.cutOn(/^begin .* read only;[\s\S]*;\ncommit$/, 'after');
    const error = await refusalOf(database, {}, pool);
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
    await pool.end();
  });
});
