import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy, type Seeder, type SeederContext } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { readRules, readUniqueness, untilBlocked } from './database-state.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';
import { UNCONSTRAINED } from './stock-adapter.fixture.ts';

describe('somebody who is in the middle of', () => {
  test('creating the casbin table is waited for, and the table is then taken over', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const other = await pool.connect();
    await other.query('begin');
    await other.query(UNCONSTRAINED);
    await other.query(
      `insert into casbin (ptype, rule) values ('g', '["alice", "admin"]'), ('g', '["alice", "admin"]')`,
    );

    const { logger, lines } = captureLog();
    const bootstrap = bootstrapDatabase(database.pool({ max: 1 }), { policy: defaultPolicy, logger });
    await untilBlocked(pool);
    await other.query('commit');
    other.release();

    await expect(bootstrap).resolves.toMatchObject({
      takeover: { constraintReplaced: false, duplicatesRemoved: 1 },
    });
    expect(linesOf(lines, 'conflict_retried')).toHaveLength(1);
    expect(await readRules(pool)).toHaveLength(17);
    expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
  });

  test('creating the migration table of the application is waited for', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const other = await pool.connect();
    await other.query('begin');
    await other.query(
      'create table kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null)',
    );

    const migrations = { '2026_notes': { up: async () => {} } };
    const bootstrap = bootstrapDatabase(database.pool({ max: 1 }), { migrations });
    await untilBlocked(pool);
    await other.query('commit');
    other.release();

    const report = await bootstrap;
    expect(report.migrations.map(({ name }) => name)).toContain('2026_notes');
  });

  test('granting on a table that is taken over is waited for', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(UNCONSTRAINED);
    const other = await pool.connect();
    await other.query('begin');
    await other.query('grant select on casbin to public');

    const bootstrap = bootstrapDatabase(database.pool({ max: 1 }));
    await untilBlocked(pool);
    await other.query('commit');
    other.release();

    await expect(bootstrap).resolves.toMatchObject({ changed: true });
    const { rows } = await pool.query(`select relacl::text from pg_class where relname = 'casbin'`);
    expect(rows[0].relacl, 'the grant stays').toContain('=r/');
  });

  test('adding a rule of the definition is waited for, and the rule is there once', async () => {
    const database = await createBootstrapped();
    const pool = database.pool();
    const rule = `'["readonly", "accounts", "read"]'`;
    await pool.query(`delete from casbin where rule = ${rule}`);
    const other = await pool.connect();
    await other.query('begin');
    await other.query(`insert into casbin (ptype, rule) values ('p', ${rule})`);

    const bootstrap = bootstrapDatabase(database.pool({ max: 1 }));
    await untilBlocked(pool);
    await other.query('commit');
    other.release();

    await expect(bootstrap).resolves.toMatchObject({ changed: false, verification: { ok: true } });
    expect(await readRules(pool)).toHaveLength(16);
  });

  test('a transaction that deadlocks with ours ends one of the two, and ours succeeds', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query('create table one (n int); create table other (n int)');
    const session = await pool.connect();
    await session.query('begin');
    await session.query('lock table other');
    let runs = 0;
    let theirs: Promise<unknown> = Promise.resolve();
    const crossing: Seeder = {
      name: 'crossing',
      async seed({ db }) {
        runs += 1;
        // Whoever has waited that long is the one whom PostgreSQL ends: us.
        await raw(db, `set local deadlock_timeout = '10ms'`);
        await raw(db, 'lock table one');
        if (runs === 1) {
          theirs = session.query('lock table one').then(() => session.query('commit'));
          await untilBlocked(pool);
        }
        await raw(db, 'lock table other');
        return { inserted: 0, existing: 0 };
      },
    };

    await session.query(`set local deadlock_timeout = '1min'`);
    await bootstrapDatabase(database.pool({ max: 1 }), { seeders: [crossing] });

    await theirs;
    session.release();
    expect(runs).toBe(2);
  });
});

function raw(db: SeederContext['db'], statement: string) {
  return sql.raw(statement).execute(db);
}
