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
import { createDatabase } from '../support/database.ts';
import { startServer } from '../support/server.ts';
import { failureOf, showsAnywhere } from './refusal.fixture.ts';

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

function withUrl(url: string, changes: Partial<URL>): string {
  return Object.assign(new URL(url), changes).href;
}

test('a pool whose connect gives no client is reported with what to give', async () => {
  const error = await failureOf(() =>
    bootstrapDatabase({ connect: (callback: unknown) => callback } as never),
  );
  expect(error.code).toBe('CONNECTION_FAILED');
  expect(error.message).toContain('did not give a client that can query. Give a pool like pg.Pool.');
});

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

  test.each([
    'self-signed certificate in certificate chain',
    'unable to verify the first certificate',
    "Hostname/IP does not match certificate's altnames: IP: 10.0.0.1 is not in the cert's list: ",
    'certificate has expired',
  ])('is reported with what to give when Node refuses its certificate: %s', async (reason) => {
    const connect = async () => {
      throw new Error(reason);
    };
    const error = await failureOf(() => bootstrapDatabase({ connect }));
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toContain('Give the authority that signed it (ssl: { ca }, ');
    expect(error.message).not.toContain('that the server runs');
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
      [{ ...place, user: username, password: () => null as never }, /or one that is not a text/],
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
