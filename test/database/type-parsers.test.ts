import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { createEnforcer } from '../../src/create-enforcer.ts';
import { createKysely } from '../../src/database/dialect.ts';
import { asClient } from '../../src/database/own-queries.ts';
import { Session } from '../../src/database/session.ts';
import { inWriteTransaction } from '../../src/database/transaction.ts';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import type { DatabaseError, LockTimeoutError } from '../../src/errors.ts';
import type { Rule } from '../../src/policy/rule.ts';
import { changePolicy } from '../../src/running/change-policy.ts';
import { createLiveEnforcer } from '../../src/running/create-live-enforcer.ts';
import { readJournal } from '../../src/running/journal.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { bootstrapTenants } from '../../src/tenants.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { STARTS_PGLITE } from '../embedded/timeout.ts';
import { createDatabase } from '../support/database.ts';

const { builtins } = pg.types;
/**
 * Of every type that an application is known to have changed, and of those that it could; 1000 and above are arrays.
 */
const OIDS = [...Object.values(builtins), 18, 19, 1003, 1000, 1005, 1007, 1009, 1015, 1016, 1028];

const odd = (text: string) => ({ odd: text });
const originals = new Map(OIDS.map((oid) => [oid, pg.types.getTypeParser(oid)]));
const plain = { getTypeParser: (oid: number) => originals.get(oid) ?? ((text: string) => text) };

const settings = [
  { where: 'for all pools', options: undefined },
  { where: 'for the pool', options: { types: { getTypeParser: () => odd } } },
];

/** A database, its pool with the odd parsers, and one with those that pg brings along. */
async function createOddDatabase(options: pg.PoolConfig | undefined) {
  const database = await createDatabase();
  if (options === undefined) changeGlobally();
  return { database, pool: database.pool(options), control: database.pool({ types: plain }) };
}

function changeGlobally() {
  for (const oid of OIDS) pg.types.setTypeParser(oid, odd);
  onTestFinished(() => {
    for (const [oid, parse] of originals) pg.types.setTypeParser(oid, parse);
  });
}

const settingsSeeder = rowSeeder({
  name: 'settings',
  table: 'settings',
  key: 'id',
  rows: [
    { id: 1, amount: '1.50', since: '2026-01-01', tags: ['a', 'b'], data: { deep: true } },
    { id: 2, amount: '2.50', since: '2026-01-02', tags: [], data: null },
  ],
  migrations: {
    '0001_settings': {
      up: async (db) => {
        await sql`create table settings (id serial primary key, amount numeric, since timestamptz, tags text[], data jsonb)`.execute(
          db,
        );
      },
    },
  },
});

describe.each(settings)('parsers that an application has changed $where', ({ options }) => {
  test('leave a bootstrap, later starts and the verification as they are', async () => {
    const { pool, control } = await createOddDatabase(options);
    const given = { seeders: [settingsSeeder] };
    const first = await bootstrapDatabase(pool, given);
    expect(first).toMatchObject({ changed: true, seeders: [{ existing: 0 }, { inserted: 2 }] });
    expect(await bootstrapDatabase(pool, given)).toMatchObject({
      changed: false,
      seeders: [{ inserted: 0 }, { existing: 2 }],
    });
    await control.query(`delete from settings where id = 2`);
    await control.query(`delete from casbin where id = (select max(id) from casbin)`);
    expect(await bootstrapDatabase(pool, given)).toMatchObject({
      changed: true,
      seeders: [{ inserted: 1 }, { inserted: 1, existing: 1 }],
    });
    expect(
      (
        await control.query(
          `select id, amount, tags, data, nextval('settings_id_seq') as next from settings order by id`,
        )
      ).rows,
    ).toEqual([
      { id: 1, amount: '1.50', tags: ['a', 'b'], data: { deep: true }, next: '3' },
      { id: 2, amount: '2.50', tags: [], data: null, next: '4' },
    ]);
    expect(await verifyDatabase(pool)).toMatchObject({ ok: true, drift: [] });
  });

  test('leave drift and its holders as they are, in a table read whole or in part', async () => {
    const { pool, control } = await createOddDatabase(options);
    await bootstrapDatabase(pool);
    await control.query(
      `insert into casbin (ptype, rule) values ('p', '["user", "vault", "open"]'), ('g', '["eve", "user"]')`,
    );
    const rule = ['p', 'user', 'vault', 'open'];
    expect(await verifyDatabase(pool)).toMatchObject({
      scope: { kind: 'whole' },
      drift: [{ rule, holders: { count: 1, names: ['eve'] } }],
    });
    await control.query(
      `insert into casbin (ptype, rule) select 'g', jsonb_build_array('u' || n, 'user') from generate_series(1, 1500) n`,
    );
    const report = await verifyDatabase(pool);
    expect(report).toMatchObject({ scope: { kind: 'part' }, drift: [{ rule }] });
    expect(report.drift[0]?.holders?.names).toContainEqual(expect.stringMatching(/^(eve|u\d+)$/));
  });

  test('leave the adapter and the enforcer as they are', async () => {
    const { pool, control } = await createOddDatabase(options);
    await bootstrapDatabase(pool);
    const enforcer = await createEnforcer(pool);
    await enforcer.addPolicy('clerk', 'accounts', 'read');
    await enforcer.addPolicies([
      ['clerk', 'accounts', 'write'],
      ['clerk', 'notes', 'read'],
    ]);
    await enforcer.updatePolicy(['clerk', 'notes', 'read'], ['clerk', 'notes', 'write']);
    await enforcer.removePolicy('clerk', 'accounts', 'read');
    await enforcer.loadPolicy();
    expect(await enforcer.getFilteredPolicy(0, 'clerk')).toEqual([
      ['clerk', 'accounts', 'write'],
      ['clerk', 'notes', 'write'],
    ]);
    await enforcer.loadFilteredPolicy({ p: ['clerk'] });
    expect(await enforcer.getPolicy()).toHaveLength(2);
    await enforcer.loadPolicy();
    await enforcer.savePolicy();
    await enforcer.removeFilteredPolicy(0, 'clerk');
    expect((await verifyDatabase(pool)).ok).toBe(true);

    const client = await pool.connect();
    try {
      const db = createKysely(new Session(client)).withoutPlugins();
      const seed = (rules: Rule[]) =>
        inWriteTransaction(db, async (trx) => {
          const { inserted } = await seedRules(asClient(trx), new DocumentTable(), rules);
          return inserted;
        });
      const many = Array.from({ length: 1_100 }, (_, n) => ({ ptype: 'g', values: [`u${n}`, 'user'] }));
      expect(await seed(many)).toEqual(many);
      expect(await seed(many.slice(0, 5))).toEqual([]);
      const few = [...many.slice(0, 2), { ptype: 'g', values: ['new', 'user'] }];
      expect(await seed(few)).toEqual(few.slice(2));
    } finally {
      client.release();
    }
    expect((await control.query(`select count(*)::int from casbin where ptype = 'g'`)).rows).toEqual([
      { count: 1_103 },
    ]);
  });

  test('leave the journal, its entries and a live enforcer as they are', async () => {
    const { pool, control } = await createOddDatabase(options);
    await bootstrapDatabase(pool, { journal: true });
    const recorded = await control.query(
      `select prosrc from pg_proc where proname = 'casbin_bootstrap_journal_casbin'`,
    );
    expect(recorded.rows[0].prosrc).toContain(`if tg_table_schema = 'public' then`);
    await using live = await createLiveEnforcer(pool);
    const client = await pool.connect();
    await client.query('begin');
    await changePolicy(client, { assign: [['eve', 'user']] }, { actor: 'ann', reason: 'new' });
    await client.query('commit');
    client.release();
    await live.caughtUp();
    expect(await live.getRolesForUser('eve')).toEqual(['user']);
    expect((await readJournal(pool, { value: 'eve' }))[0]).toMatchObject({
      id: expect.stringMatching(/^\d+$/),
      at: expect.any(Date),
      operation: 'added',
      values: ['eve', 'user'],
      actor: 'ann',
    });
  });

  test('leave a takeover and its report as they are', async () => {
    const { pool, control } = await createOddDatabase(options);
    await control.query(`create table casbin (id serial primary key, ptype text, rule jsonb)`);
    await control.query(
      `insert into casbin (ptype, rule) select 'g', '["ann", "user"]' from generate_series(1, 3)`,
    );
    const { takeover } = await bootstrapDatabase(pool, { policy: null });
    expect(takeover).toMatchObject({ duplicatesRemoved: 2 });
  });

  test('do not change errors about lock holders, invalid rows and privileges', async () => {
    const { database, pool, control } = await createOddDatabase(options);
    await bootstrapDatabase(pool);
    await control.query(`delete from casbin where id = (select max(id) from casbin)`);
    const holder = await control.connect();
    try {
      await holder.query('begin; lock table casbin in access exclusive mode');
      const error: LockTimeoutError = await bootstrapDatabase(pool, { lockTimeoutMs: 200 }).catch(
        (error) => error,
      );
      expect(error).toMatchObject({
        code: 'LOCK_TIMEOUT',
        holders: [{ pid: expect.any(Number), since: expect.any(Date) }],
      });
      expect(Math.abs(Date.now() - (error.holders[0]?.since?.getTime() ?? 0))).toBeLessThan(3_600_000);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await control.query(`insert into casbin (id, ptype, rule) values (700, 'p', '5')`);
    await expect(bootstrapDatabase(pool)).rejects.toMatchObject({ code: 'STORED_RULE_INVALID', ids: [700] });
    await expect(createEnforcer(pool)).rejects.toMatchObject({ code: 'STORED_RULE_INVALID', ids: [700] });
    const role = await database.createRole();
    const refused: DatabaseError = await bootstrapDatabase(
      database.pool({ ...options, connectionString: role.url }),
    ).catch((error) => error);
    expect(refused).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringContaining(`grant `) });
  });

  test('leave tenants as they are', async () => {
    const { pool, control } = await createOddDatabase(options);
    await control.query('create schema a; create schema b');
    const run = () =>
      bootstrapTenants([
        { name: 'a', pool, schema: 'a' },
        { name: 'b', pool, schema: 'b' },
      ]);
    expect(await run()).toMatchObject({ ok: true, changed: 2 });
    expect(await run()).toMatchObject({ ok: true, changed: 0 });
  });

  test('still read what seeders and migrations of the application ask for', async () => {
    const { pool } = await createOddDatabase(options);
    const seen: unknown[] = [];
    const asks: Seeder = {
      name: 'asks',
      async seed({ db }) {
        seen.push(...(await sql`select 1 as answer`.execute(db)).rows);
        seen.push(...(await db.selectNoFrom(sql`'{"a":1}'::jsonb`.as('answer')).execute()));
        return { inserted: 0, existing: 0 };
      },
    };
    const up: Seeder['migrations'] = {
      asks: {
        async up(db) {
          seen.push(...(await sql`select true as answer`.execute(db)).rows);
          expect(
            (await db.introspection.getTables()).map(({ name, isView }) => ({ name, isView }))[0],
          ).toEqual({ name: 'casbin', isView: false });
        },
      },
    };
    await bootstrapDatabase(pool, { seeders: [asks], migrations: up });
    expect(seen).toEqual([{ answer: odd('t') }, { answer: odd('1') }, { answer: odd('{"a": 1}') }]);
  });
});

test(
  'parsers that an application has changed leave the embedded PostgreSQL as it is',
  STARTS_PGLITE,
  async () => {
    changeGlobally();
    const pool = createEmbeddedPool();
    try {
      await bootstrapDatabase(pool, { seeders: [settingsSeeder] });
      expect(await bootstrapDatabase(pool, { seeders: [settingsSeeder] })).toMatchObject({ changed: false });
    } finally {
      await pool.end();
    }
  },
);
