import { expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  createAdapter,
  createEnforcer,
  examineDatabase,
  verifyDatabase,
} from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openEngine } from '../support/engine.ts';

// What a real Citus was seen to do. Whether it still does is for `npm run test:engine` to say.

/** A database with what Citus is recognised by, and what it knows of its tables and nodes. */
async function createCitus(): Promise<TestDatabase> {
  const database = await createDatabase();
  await database.pool().query(`
    set allow_system_table_mods = on;
    create function pg_catalog.citus_version() returns text language sql as $$ select 'Citus 13.2.2' $$;
    create table pg_catalog.pg_dist_local_group (groupid int);
    insert into pg_catalog.pg_dist_local_group values (0);
    create table pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", repmodel "char", colocationid int);
    grant select on pg_catalog.pg_dist_partition, pg_catalog.pg_dist_local_group to public;
    reset allow_system_table_mods;
  `);
  return database;
}

type How = 'in parts' | 'as a reference table' | 'in metadata only';

const KEPT: Readonly<Record<How, readonly [method: string, model: string, colocation: number]>> = {
  'in parts': ['h', 's', 2],
  'as a reference table': ['n', 't', 3],
  'in metadata only': ['n', 's', 0],
};

async function keep(database: TestDatabase, table: string, how: How): Promise<void> {
  await database
    .pool()
    .query('insert into pg_catalog.pg_dist_partition values ($1::regclass, $2, $3, $4)', [
      table,
      ...KEPT[how],
    ]);
}

const IN_PARTS = { name: 'DatabaseError', code: 'TABLE_DISTRIBUTED' };

test('a rule table in parts is refused by bootstraps, verifications and adapters, with what to do', async () => {
  const database = await createCitus();
  const pool = database.pool();
  await bootstrapDatabase(pool, { table: 'casbin_rule' });
  await pool.query(`delete from casbin_rule where v0 = 'readonly'`);
  await keep(database, 'casbin_rule', 'in parts');

  const error = await bootstrapDatabase(pool).catch((reason: unknown) => reason);

  expect(error).toMatchObject(IN_PARTS);
  expect(String(error)).toContain(`select undistribute_table('public.casbin_rule')`);
  await expect(verifyDatabase(pool, { engine: 'citus' })).rejects.toMatchObject(IN_PARTS);
  await expect(createEnforcer(pool)).rejects.toMatchObject(IN_PARTS);
});

test('another table in parts, which has the name of a rule table, makes no difference', async () => {
  const database = await createCitus();
  const pool = database.pool();
  await bootstrapDatabase(pool, { table: 'casbin_rule' });
  await pool.query('create table casbin (id int)');
  await keep(database, 'casbin', 'in parts');
  await expect(createEnforcer(pool)).resolves.toBeDefined();

  await keep(database, 'casbin_rule', 'in parts');
  await expect(createEnforcer(pool)).rejects.toMatchObject(IN_PARTS);
});

test.for(['42601', '0A000', 'XX000'])(
  'a look that Citus refuses with %s tells that the table is in parts',
  async (code) => {
    const database = await createCitus();
    const pool = database.pool({ max: 1 });
    await bootstrapDatabase(pool);
    await keep(database, 'casbin', 'in parts');
    await pool.query('alter table casbin rename to stored');
    await pool.query(`
    create function refused() returns int language plpgsql as $$ begin raise exception 'refused' using errcode = '${code}'; end $$;
    create view casbin as select id, ptype, rule from stored where refused() = 1;
    update pg_catalog.pg_dist_partition set logicalrelid = 'casbin'::regclass;
  `);

    for (const engine of [undefined, 'citus'] as const) {
      await expect(bootstrapDatabase(pool, engine && { engine })).rejects.toMatchObject(IN_PARTS);
    }
  },
);

test('where Citus keeps a rule table is asked together with the table', async () => {
  const database = await createCitus();
  await using engine = await openEngine(database.url, 'citus');
  const pool = database.pool({ connectionString: engine.url });
  await bootstrapDatabase(pool);

  const before = engine.statements.length;
  await createAdapter(pool, { engine: 'citus' }).removePolicy('p', 'p', ['nobody', 'accounts', 'read']);

  const asked = engine.statements.slice(before);
  expect(asked.filter((statement) => statement.includes('pg_catalog'))).toHaveLength(1);
  expect(asked[0]).toContain('pg_catalog.pg_dist_partition');
});

test('a worker is refused where something is missing, and only there', async () => {
  const database = await createCitus();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  await pool.query('update pg_catalog.pg_dist_local_group set groupid = 1');

  await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false, engine: { name: 'citus' } });
  await expect(bootstrapDatabase(pool, { schema: 'other' })).rejects.toMatchObject({
    name: 'DatabaseError',
    code: 'COORDINATOR_NEEDED',
  });
  const { rows } = await pool.query(`select to_regnamespace('other') as schema`);
  expect(rows).toEqual([{ schema: null }]);
});

test('a start with nothing to do is one where the engine is named, too', async () => {
  const pool = (await createCitus()).pool();
  const options = {
    engine: 'citus',
    policy: { version: 1, rules: [['p', 'reader', 'data', 'read']] },
  } as const;
  await bootstrapDatabase(pool, options);
  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({
    changed: false,
    engine: { name: 'citus' },
  });
});

test('a journal is made of a local table, and refused for a reference table', async () => {
  const database = await createCitus();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  await keep(database, 'casbin', 'as a reference table');

  const error = await bootstrapDatabase(pool, { journal: true }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'DatabaseError', code: 'JOURNAL_IMPOSSIBLE' });
  expect(String(error)).toContain('only on local tables');

  await pool.query('delete from pg_catalog.pg_dist_partition');
  await keep(database, 'casbin', 'in metadata only');
  await expect(bootstrapDatabase(pool, { journal: true })).resolves.toMatchObject({ changed: true });
});

test('the limits of a transaction that writes hold on the other nodes too', async () => {
  const database = await createCitus();
  await using engine = await openEngine(database.url, 'citus');
  const pool = database.pool({ connectionString: engine.url });

  await bootstrapDatabase(pool, { lockTimeoutMs: 1_234 });

  // Citus passes on what is set after that.
  expect(engine.statements.join('\n')).toMatch(
    /begin isolation level read committed read write; set local citus.propagate_set_commands = 'local'; set local lock_timeout = 1234/,
  );
});

test.for(['casbin', 'casbin_rule'])(
  'Citus refuses no statement on %s as a reference table',
  async (table) => {
    const database = await createCitus();
    await using engine = await openEngine(database.url, 'citus');
    const pool = database.pool({ connectionString: engine.url });
    await bootstrapDatabase(pool, { table });
    await keep(database, table, 'as a reference table');

    const adapter = createAdapter(pool, { table });
    const rules = [
      ['eve', 'accounts', 'read'],
      ['eve', 'accounts', 'write'],
    ];
    await adapter.addPolicies('p', 'p', rules);
    await adapter.updatePolicy('p', 'p', ['eve', 'accounts', 'read'], ['eve', 'accounts', 'delete']);
    const eves = async () => {
      const enforcer = await createEnforcer(pool, { table });
      return enforcer.getFilteredPolicy(0, 'eve');
    };
    expect(await eves()).toEqual([
      ['eve', 'accounts', 'delete'],
      ['eve', 'accounts', 'write'],
    ]);
    await adapter.removePolicies('p', 'p', rules);
    expect(await eves()).toEqual([['eve', 'accounts', 'delete']]);
    await adapter.removeFilteredPolicy('p', 'p', 0, 'eve');
    expect(await eves()).toEqual([]);
    expect(engine.refusals).toEqual([]);
  },
);

test('Citus does not refuse the record of what was revoked', async () => {
  const database = await createCitus();
  await using engine = await openEngine(database.url, 'citus');
  const pool = database.pool({ connectionString: engine.url });
  const rules = [['p', 'reader', 'data', 'read']];
  await bootstrapDatabase(pool, { policy: { version: 1, rules } });

  const client = await pool.connect();
  await changePolicy(client, { revoke: [['reader', 'data', 'read']] }, { actor: 'me', reason: 'left' });
  client.release();

  const { rows } = await pool.query(
    `select revoked_by, revoked_at <= now() as past from casbin_bootstrap_rule where revoked_at is not null`,
  );
  expect(rows).toEqual([{ revoked_by: 'me', past: true }]);
  expect(engine.refusals).toEqual([]);
});

test('a server without Citus is told from it, whatever the option says', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const options = { engine: 'citus' } as const;
  const refusal = {
    name: 'InvalidOptionsError',
    problems: [
      { code: 'OPTION_INVALID', at: 'engine', message: expect.stringContaining('create extension citus;') },
    ],
  };

  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject(refusal);
  const { rows } = await pool.query(
    `select count(*)::int as tables from pg_tables where schemaname = 'public'`,
  );
  expect(rows).toEqual([{ tables: 0 }]);

  await bootstrapDatabase(pool);
  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject(refusal);
  await expect(verifyDatabase(pool, options)).rejects.toMatchObject(refusal);
  await expect(createEnforcer(pool, options)).rejects.toMatchObject(refusal);
  await expect(createAdapter(pool, options).addPolicy('p', 'p', ['a', 'b', 'c'])).rejects.toMatchObject(
    refusal,
  );
  await pool.query('delete from casbin');
  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject(refusal);
  await pool.query('drop table casbin');
  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject(refusal);
  await expect(examineDatabase(pool, options)).rejects.toMatchObject(refusal);
});

test('the findings about a database name Citus', async () => {
  const database = await createCitus();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  const { findings } = await examineDatabase(pool);
  expect(findings[0]).toMatchObject({
    check: 'server',
    status: 'fine',
    message: expect.stringMatching(/^Citus on PostgreSQL [0-9.]+\./),
  });
});
