import { once } from 'node:events';
import { createServer } from 'node:net';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { createEnforcer } from '../../src/create-enforcer.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startServer } from '../support/server.ts';
import { openWire } from '../support/wire.ts';
import { failureOf, refusalOf, showsAnywhere } from './refusal.fixture.ts';

const PASSWORD = 'correct-horse-battery';

/** What a bootstrap with such a pool fails with; the pool is ended afterwards. */
async function failureWith(
  options: pg.PoolConfig,
  run: (pool: pg.Pool) => Promise<unknown> = (pool) => bootstrapDatabase(pool),
) {
  const pool = new pg.Pool({ password: PASSWORD, ...options });
  onTestFinished(() => pool.end());
  const error = await failureOf(() => run(pool));
  expect(error.name).toBe('ConnectionError');
  expect(error.cause).toBeDefined();
  expect(showsAnywhere(error, PASSWORD), 'the password is shown nowhere').toBe(false);
  return error;
}

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

function withUrl(url: string, changes: Partial<URL>): string {
  return Object.assign(new URL(url), changes).href;
}

describe('a server that can not be reached', () => {
  test.each<[string, pg.PoolConfig, RegExp]>([
    [
      'refuses',
      { host: '127.0.0.1', port: 1 },
      /connect ECONNREFUSED 127\.0\.0\.1:1\. Check host and port, and that the server runs/,
    ],
    ['refuses at several addresses', { host: 'localhost', port: 1 }, /ECONNREFUSED .*:1\. Check/],
    ['has no name that is known', { host: 'no-such-host.invalid' }, /no-such-host\.invalid/],
    ['has no socket', { host: '/no/such/folder' }, /ENOENT \/no\/such\/folder/],
    [
      'is named by something that is no address',
      { connectionString: `postgres://me:${PASSWORD}@[/db` },
      /Invalid URL\. Correct the connection string/,
    ],
  ])('is reported: it %s', async (_, options, message) => {
    const error = await failureWith(options);
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toMatch(/^No connection to the database: /);
    expect(error.message).toMatch(message);
  });

  test.each<[string, (pool: pg.Pool) => Promise<unknown>]>([
    ['a verification', verifyDatabase],
    ['createEnforcer', createEnforcer],
  ])('is reported by %s too', async (_, run) => {
    const error = await failureWith({ host: '127.0.0.1', port: 1 }, run);
    expect(error.code).toBe('CONNECTION_FAILED');
  });

  test.each<[string, string | null]>([
    ['hangs up', null],
    ['speaks HTTP', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
  ])('is reported when what answers is not PostgreSQL: it %s', async (_, answer) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(answer ?? '');
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const error = await failureWith({
      host: '127.0.0.1',
      port: Reflect.get(Object(server.address()), 'port'),
    });
    expect(error.code).toBe('CONNECTION_FAILED');
  });

  test('is reported when it never answers and the pool has a limit', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const port = Reflect.get(Object(server.address()), 'port');
    const error = await failureWith({ host: '127.0.0.1', port, connectionTimeoutMillis: 1_000 });
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toContain('Check that the server can be reached');
  });

  test('is reported when the pool has no client left', async () => {
    const database = await createDatabase();
    // The first connection has to be made in that time.
    const pool = database.pool({ max: 1, connectionTimeoutMillis: 5_000 });
    const client = await pool.connect();
    const error = await failureOf(() => bootstrapDatabase(pool));
    client.release();
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_FAILED' });
    expect(error.message).toContain('clients of the pool are released');
  });

  test('is reported when it does not encrypt', async () => {
    const database = await createDatabase();
    const error = await failureWith({ connectionString: database.url, ssl: true });
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toContain("Correct the pool's ssl option");
  });
});

test.each<[string, object]>([
  ['a table', { seeders: [rowSeeder({ name: 'rows', table: 'a\0b', key: 'id', rows: [{ id: 1 }] })] }],
  ['a statement', { seeders: [seederOf('select 1 as "a\0b"')] }],
  ['a migration', { migrations: { 'a\0b': { up: async () => {} } } }],
])('a NUL in the name of %s is no lost connection', async (_, options) => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  const error = await failureOf(() => bootstrapDatabase(pool, options));
  expect(['SEEDER_FAILED', 'MIGRATION_FAILED', 'INVALID_OPTIONS', 'DATABASE_REFUSED']).toContain(error.code);
  expect(error.message).toMatch(/NUL|0x00/);
});

function seederOf(statement: string): Seeder {
  return {
    name: 'statement',
    async seed({ db }) {
      await sql.raw(statement).execute(db);
      return { inserted: 0, existing: 0 };
    },
  };
}

describe('a login that is refused', () => {
  test('for a wrong password is reported without the password', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    const error = await failureWith({ connectionString: withUrl(role.url, { password: PASSWORD }) });
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain(`password authentication failed for user "${role.name}"`);
    expect(showsAnywhere(error, role.password)).toBe(false);
  });

  test('for a missing password, or a missing role, is reported', async () => {
    // A server of its own: pg leaves such a login half done, and until the server gives up on it, no database of
    // that server can be dropped.
    await using server = await startServer();
    const { hostname, port, username } = new URL(server.url());
    const place = { host: hostname, port: Number(port), database: 'postgres' };
    for (const [options, message] of [
      [{ ...place, user: username, password: undefined }, /asked for a password, and none was given/],
      [{ ...place, user: username, password: '' }, /asked for a password, and none was given/],
      [{ ...place, user: username, password: 12_345 as never }, /or one that is not a text/],
      [{ ...place, user: 'no-such-role' }, /The server refused the login/],
    ] as const) {
      const error = await failureWith(options);
      expect(error.code).toBe('AUTHENTICATION_FAILED');
      expect(error.message).toMatch(message);
    }
  });

  test('for a role that may not log in is reported', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    await database.pool().query(`alter role ${role.name} nologin`);
    const error = await failureWith({ connectionString: role.url });
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(showsAnywhere(error, role.password)).toBe(false);
  });

  test('for a role that has all the connections that it may have is reported', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    await database.pool().query(`alter role ${role.name} connection limit 0`);
    const error = await failureWith({ connectionString: role.url });
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toMatch(/too many connections for role .* the connection limit of the role/);
  });

  test('for a role that may not connect to the database is reported', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    await database.pool().query(`revoke connect on database ${database.name} from public`);
    for (const run of [bootstrapDatabase, createEnforcer]) {
      const error = await failureWith({ connectionString: role.url }, (pool) => run(pool));
      expect(error.code).toBe('PERMISSION_DENIED');
      expect(error.message).toContain(`permission denied for database "${database.name}"`);
    }
  });

  test('for a role that has used up its connections is reported', async () => {
    const database = await createDatabase();
    const role = await database.createRole('connection limit 0');
    const error = await failureWith({ connectionString: role.url });
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toContain('too many connections for role');
  });

  test('for a missing database is reported', async () => {
    const database = await createDatabase();
    const error = await failureWith({
      connectionString: withUrl(database.url, { pathname: '/no_such_database' }),
    });
    expect(error.code).toBe('DATABASE_MISSING');
    expect(error.message).toContain('database "no_such_database" does not exist. Create it');
  });
});

test.each([{ run: bootstrapDatabase }, { run: verifyDatabase }])(
  'an error of no known kind is reported by $run.name',
  async ({ run }) => {
    const query = async (text: string) => {
      if (text !== 'rollback') throw new Error('out of paper');
    };
    const client = { query, release: () => {} };
    const error = await failureOf(() => run({ connect: async () => client } as never));
    expect(error).toMatchObject({
      code: 'UNEXPECTED',
      message:
        "An unexpected error ended the work: out of paper. Nothing was changed. The error's cause says where.",
      cause: { message: 'out of paper' },
    });
  },
);

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
      const database = await createDatabase();
      const pool = database.pool({ max: 1 });
      const backend = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
      const pid = await backend();
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
      const database = await createDatabase();
      const pool = database.pool({ max: 1 });
      const backend = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
      const pid = await backend();
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
      const database = await createDatabase();
      const pool = database.pool({ max: 1 });
      const backend = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
      const pid = await backend();
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
