import { existsSync } from 'node:fs';
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase, TestDatabase, useDatabase } from './database.ts';
import { PoolWatch } from './pool-watch.ts';
import { runProcesses } from './processes.ts';
import { startServer } from './server.ts';
import { caughtUp, startStandby } from './standby.ts';
import { openWire } from './wire.ts';
import { MessageReader, sqlOf } from './wire-messages.ts';

describe('a database of its own', () => {
  test('is empty, and another for each caller', async () => {
    const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
    await one.pool().query('create table mark ()');

    const { rows } = await other
      .pool()
      .query("select current_database() as name, to_regclass('mark') as mark");
    expect(rows).toEqual([{ name: other.name, mark: null }]);
  });

  test('is removed after its test, with its roles', async () => {
    const database = new TestDatabase();
    await database.create();
    const role = await database.createRole();
    await database.pool().query(`create schema authorization ${role.name}`);
    await database.drop();

    await expect(exists('pg_database', 'datname', database.name)).resolves.toBe(false);
    await expect(exists('pg_roles', 'rolname', role.name)).resolves.toBe(false);
  });

  test('can be used as a role without privileges', async () => {
    const database = await createDatabase();
    const owner = database.pool();
    await owner.query('create table secret ()');
    const role = await database.createRole();
    const pool = database.pool({ connectionString: role.url });

    const { rows } = await pool.query('select current_user as name');
    expect(rows).toEqual([{ name: role.name }]);
    await expect(pool.query('select from secret')).rejects.toMatchObject({ code: '42501' });
  });

  test('survives a test that terminates idle connections', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    const gone = new Promise((resolve) => pool.once('error', resolve));
    await database.pool().query('select pg_terminate_backend($1)', [rows[0].pid]);

    await expect(gone).resolves.toMatchObject({ code: '57P01' });
  });
});

describe('a database for a file', () => {
  const database = useDatabase();

  test('keeps what one test wrote …', async () => {
    await database.pool().query('create table kept ()');
  });

  test('… for the next', async () => {
    await expect(database.pool().query('select from kept')).resolves.toMatchObject({ rowCount: 0 });
  });
});

describe.concurrent('the leak check', () => {
  /** What a leak is waited for here: it does not end. */
  const LEFT_MS = 100;

  async function openDatabase(settleMs?: number): Promise<TestDatabase> {
    const database = new TestDatabase(settleMs);
    await database.create();
    return database;
  }

  test('names a client that was not released, and what it did last', async () => {
    const database = await openDatabase();
    const client = await database.pool().connect();
    await client.query('begin');
    await client.query('select 42');

    await expect(database.checkLeaks()).rejects.toThrow(
      /1 client.* not released[\s\S]*idle in transaction.*select 42/,
    );
    await expect(database.drop(), 'what leaked was ended').resolves.toBeUndefined();
  });

  test('finds a transaction left open in a client that went back to its pool', async () => {
    const database = await openDatabase(LEFT_MS);
    await database.pool().query('begin');

    await expect(database.drop()).rejects.toThrow(/idle in transaction/);
  });

  test('finds an advisory lock left in a client that went back to its pool', async () => {
    const database = await openDatabase(LEFT_MS);
    await database.pool().query('select pg_advisory_lock(1)');

    await expect(database.drop()).rejects.toThrow(/holds 1 advisory lock/);
    await expect(exists('pg_database', 'datname', database.name), 'it is still dropped').resolves.toBe(false);
  });

  test('finds a connection of which no pool knows', async () => {
    const database = await openDatabase(LEFT_MS);
    const client = new pg.Client({ connectionString: database.url, application_name: 'stray' });
    client.on('error', () => {});
    await client.connect();

    await expect(database.drop()).rejects.toThrow(/"stray" is idle/);
  });

  test('waits for a backend that is still rolling back', async () => {
    const database = await openDatabase();
    const client = await database.pool().connect();
    await client.query('begin');
    client.release(true);

    await expect(database.drop()).resolves.toBeUndefined();
  });
});

describe('the wire', () => {
  test('counts a simple query, a query with parameters and each statement of a transaction as one round trip', async () => {
    const database = await createDatabase();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    const client = await pool.connect();
    expect(wire.roundTrips).toBe(0);

    await client.query('select 1');
    expect(wire.roundTrips).toBe(1);
    await client.query('select $1::int', [1]);
    expect(wire.roundTrips).toBe(2);
    await client.query('begin');
    await client.query('create table t (n int); insert into t values (1)');
    await client.query('commit');
    client.release();

    expect(wire.roundTrips).toBe(5);
    expect(wire.statements).toEqual([
      'select 1',
      'select $1::int',
      'begin',
      'create table t (n int); insert into t values (1)',
      'commit',
    ]);
  });

  test('counts each connection by itself', async () => {
    const database = await createDatabase();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    const [one, other] = await Promise.all([pool.connect(), pool.connect()]);
    await one.query('select 1');
    await other.query('select 2');
    await other.query('select 3');
    one.release();
    other.release();

    expect(wire.connections.map((connection) => connection.roundTrips).toSorted()).toEqual([1, 2]);
  });

  test('passes data that is larger than a chunk unchanged, in both directions', async () => {
    const database = await createDatabase();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    const large = 'ä'.repeat(1_000_000);

    const { rows } = await pool.query('select $1::text as echo', [large]);
    expect(rows[0].echo === large).toBe(true);
    expect(wire.roundTrips).toBe(1);
  });

  test.each([
    { moment: 'before', committed: 0 },
    { moment: 'after', committed: 1 },
  ] as const)('cuts a connection $moment the server sees COMMIT', async ({ moment, committed }) => {
    const database = await createDatabase();
    await database.pool().query('create table t (n int)');
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    const client = await pool.connect();
    client.on('error', () => {});
    wire.cutOn(/^commit/, moment);
    await client.query('begin');
    await client.query('insert into t values ($1)', [1]);

    await expect(client.query('commit')).rejects.toThrow('Connection terminated unexpectedly');
    client.release(true);
    expect(wire.cuts).toBe(1);
    const { rows } = await database.pool().query('select count(*)::int as committed from t');
    expect(rows).toEqual([{ committed }]);
    await expect(pool.query('commit'), 'the next connection passes').resolves.toBeDefined();
  });

  test('cuts a statement with parameters after the server carried it out', async () => {
    const database = await createDatabase();
    await database.pool().query('create table t (n int)');
    await using wire = await openWire(database.url);
    wire.cutOn(/insert/, 'after');

    await expect(
      database.pool({ connectionString: wire.url }).query('insert into t values ($1)', [1]),
    ).rejects.toThrow('Connection terminated unexpectedly');
    await expect(database.pool().query('select from t')).resolves.toMatchObject({ rowCount: 1 });
  });

  test('refuses encryption, as a server without it', async () => {
    const database = await createDatabase();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url, ssl: true });

    await expect(pool.query('select 1')).rejects.toThrow('The server does not support SSL connections');
  });

  test('reads the same messages wherever the chunks end', () => {
    const startup = Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0]);
    const query = Buffer.from('Q\0\0\0\x0dselect 1\0', 'latin1');
    const parse = Buffer.from('P\0\0\0\x12s1\0select 2\0\0\0', 'latin1');
    const stream = Buffer.concat([startup, query, parse]);

    for (let size = 1; size <= stream.length; size++) {
      const reader = new MessageReader({ startsUntyped: true });
      const messages = chunksOf(stream, size).flatMap((chunk) => [...reader.read(chunk)]);
      expect(messages.map((message) => message.type)).toEqual(['', 'Q', 'P']);
      expect(messages.map(sqlOf)).toEqual([undefined, 'select 1', 'select 2']);
      expect(Buffer.concat(messages.map((message) => message.bytes))).toEqual(stream);
    }
  });
});

describe('processes', () => {
  const ARRIVE = new URL('./children/arrive.mjs', import.meta.url);

  test('pass the barrier only when all have reached it, and import the built library', async () => {
    const database = await createDatabase();
    await database.pool().query('create table arrival (process int)');

    const results = await runProcesses(4, ARRIVE, { args: ['x'], env: { DATABASE_URL: database.url } });

    const saw = JSON.stringify({ arrived: 4, library: 'BootstrapError', args: ['x'] });
    expect(results).toEqual(Array(4).fill({ code: 0, stdout: `${saw}\n`, stderr: '' }));
  });

  test('report how they failed, and do not wait for one that never gets ready', async () => {
    const database = await createDatabase();

    const [result] = await runProcesses(1, ARRIVE, { env: { DATABASE_URL: database.url } });
    expect(result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('"arrival" does not exist'),
    });
  });
});

describe('a server of its own', () => {
  test('keeps what was committed when it is killed, and loses the open transaction', async () => {
    await using server = await startServer({ settings: { max_connections: 20 } });
    await query(server.url(), 'create table t (n int)');
    const pool = new PoolWatch({ connectionString: server.url() }).pool;
    onTestFinished(() => pool.end());
    const client = await pool.connect();
    const broken = new Promise((resolve) => client.on('error', resolve));
    await client.query('insert into t values (1)');
    await client.query('begin');
    await client.query('insert into t values (2)');

    await server.kill();
    await broken;
    client.release(true);
    await server.start();

    await expect(query(server.url(), 'select n from t')).resolves.toEqual([{ n: 1 }]);
    await expect(query(server.url(), 'show max_connections')).resolves.toEqual([{ max_connections: '20' }]);
  });

  test('goes on from the home of another, with other settings', async () => {
    await using server = await startServer();
    await query(server.url(), 'create table t (n int)');
    await server.stop({ keepData: true });
    await using again = await startServer({
      home: server.home,
      settings: { default_transaction_read_only: 'on' },
    });

    await expect(query(again.url(), 'select from t')).resolves.toEqual([]);
    await expect(query(again.url(), 'drop table t')).rejects.toMatchObject({ code: '25006' });
  });

  test('says what PostgreSQL says when it does not start', async () => {
    await expect(startServer({ settings: { no_such_setting: 'x' } })).rejects.toThrow(/no_such_setting/);
  });

  test('leaves no files behind', async () => {
    const server = await startServer();
    expect(existsSync(server.dataDir)).toBe(true);
    await server.stop();

    expect(existsSync(server.home)).toBe(false);
  });
});

describe('a standby', () => {
  test('is in recovery, refuses to write and holds what the primary held', async () => {
    await using primary = await startServer();
    await query(primary.url(), 'create table t (n int)');
    await using standby = await startStandby(primary);
    await query(primary.url(), 'create table later (n int)');

    await expect(query(standby.url(), 'select pg_is_in_recovery() as standby')).resolves.toEqual([
      { standby: true },
    ]);
    await expect(query(standby.url(), 'insert into t values (1)')).rejects.toMatchObject({ code: '25006' });
    await expect(query(standby.url(), "select to_regclass('later') as later")).resolves.toEqual([
      { later: null },
    ]);
    await expect(query(primary.url(), 'select pg_is_in_recovery() as standby')).resolves.toEqual([
      { standby: false },
    ]);
  });

  test('follows its primary when it streams', async () => {
    await using primary = await startServer();
    await using standby = await startStandby(primary, { streaming: true });
    await query(primary.url(), 'create table later (n int)');
    await caughtUp(primary, standby);

    await expect(query(standby.url(), 'select from later')).resolves.toEqual([]);
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function exists(catalog: string, column: string, name: string): Promise<boolean> {
  const rows = await query(inject('adminUrl'), `select from ${catalog} where ${column} = '${name}'`);
  return rows.length > 0;
}

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}
