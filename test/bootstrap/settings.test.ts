import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Seeder } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { untilBlocked } from './database-state.fixture.ts';

const OF_INTEREST = [
  'search_path',
  'lock_timeout',
  'statement_timeout',
  'idle_in_transaction_session_timeout',
  'transaction_isolation',
  'transaction_read_only',
  'jit',
];

/** A seeder that notes the settings that it runs under. */
function witness(seen: Record<string, string>[]): Seeder {
  return {
    name: 'witness',
    async seed({ db }) {
      const { rows } = await sql<Record<string, string>>`
        select ${sql.join(OF_INTEREST.map((name) => sql`current_setting(${name}) as ${sql.ref(name)}`))}
      `.execute(db);
      seen.push(...rows);
      return { inserted: 0, existing: 0 };
    },
  };
}

describe('the settings of the role', () => {
  test.for(['serializable', 'repeatable read'])('of isolation level %s do not matter', async (level) => {
    const database = await createDatabase();
    const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`;
    const seen: Record<string, string>[] = [];

    const starts = Array.from({ length: 6 }, () => bootstrapDatabase(database.pool({ max: 1, options })));
    const reports = await Promise.all(starts);
    await bootstrapDatabase(database.pool({ max: 1, options }), { seeders: [witness(seen)] });

    expect(reports.filter(({ changed }) => changed)).toHaveLength(1);
    expect(seen[0]).toMatchObject({ transaction_isolation: 'read committed', transaction_read_only: 'off' });
  });

  test('of a short statement_timeout does not end the wait for another bootstrap', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    const seen: Record<string, string>[] = [];
    const hurried = database.pool({ max: 1, options: '-c statement_timeout=400ms' });

    const bootstrap = bootstrapDatabase(hurried, { seeders: [witness(seen)] });
    await untilBlocked(pool);
    // Longer than the statement_timeout: the server itself lets the time pass.
    await holder.query('select pg_sleep(0.5)');
    await holder.query('rollback');
    holder.release();

    await expect(bootstrap).resolves.toMatchObject({ changed: true });
    expect(seen[0], 'and holds again afterwards').toMatchObject({ statement_timeout: '400ms' });
  });

  test('of an idle_in_transaction_session_timeout does not end a slow seeder', async () => {
    const database = await createDatabase();
    const seen: Record<string, string>[] = [];
    const pool = database.pool({ max: 1, options: '-c idle_in_transaction_session_timeout=5s' });

    await bootstrapDatabase(pool, { seeders: [witness(seen)] });

    expect(seen[0]).toMatchObject({ idle_in_transaction_session_timeout: '0' });
  });
});

test('no query is compiled, which would take longer than any of ours runs', async () => {
  const database = await createDatabase();
  const seen: Record<string, string>[] = [];

  await bootstrapDatabase(database.pool({ options: '-c jit=on' }), { seeders: [witness(seen)] });

  expect(seen[0]).toMatchObject({ jit: 'off' });
});

test('lockTimeoutMs bounds each wait for a lock', async () => {
  const database = await createDatabase();
  const seen: Record<string, string>[] = [];

  await bootstrapDatabase(database.pool(), { lockTimeoutMs: 6_543, seeders: [witness(seen)] });
  await bootstrapDatabase(database.pool(), { seeders: [witness(seen)] });

  expect(seen).toMatchObject([{ lock_timeout: '6543ms' }, { lock_timeout: '30s' }]);
});

test('statementTimeoutMs bounds each statement', async () => {
  const database = await createDatabase();
  const seen: Record<string, string>[] = [];
  const slow: Seeder = {
    name: 'slow',
    async seed({ db }) {
      await sql`select pg_sleep(60)`.execute(db);
      return { inserted: 0, existing: 0 };
    },
  };

  await bootstrapDatabase(database.pool(), { statementTimeoutMs: 4321, seeders: [witness(seen)] });
  expect(seen[0]).toMatchObject({ statement_timeout: '4321ms' });
  await expect(
    bootstrapDatabase(database.pool(), { statementTimeoutMs: 50, seeders: [slow] }),
  ).rejects.toMatchObject({ code: 'STATEMENT_TIMEOUT' });
});

test('no setting leaks into the pooled connection, whether the run commits, fails or has nothing to do', async () => {
  const database = await createDatabase();
  const pool = database.pool({ max: 1 });
  const read = async () => {
    const columns = OF_INTEREST.map((name) => `current_setting('${name}') as ${name}`).join(', ');
    const marker = `nullif(current_setting('casbin_bootstrap.transaction', true), '') as marker`;
    return (await pool.query(`select ${columns}, ${marker}`)).rows[0];
  };
  const before = await read();
  const options = { schema: 'app', statementTimeoutMs: 5_000, lockTimeoutMs: 6_000 };

  await bootstrapDatabase(pool, options);
  expect(await read()).toEqual(before);
  await bootstrapDatabase(pool, options);
  expect(await read()).toEqual(before);
  const broken = { name: 'broken', seed: () => Promise.reject(new Error('no')) };
  await expect(bootstrapDatabase(pool, { ...options, seeders: [broken] })).rejects.toThrow();
  expect(await read()).toEqual(before);
});
