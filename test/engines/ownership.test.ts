import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  type PolicyDefinition,
  planBootstrap,
  readStatus,
  type Seeder,
  verifyDatabase,
} from '../../src/index.ts';
import { FIRST } from '../bootstrap/versions.fixture.ts';
import { SIMULATED, type Simulation, simulate } from './engines.fixture.ts';

const SECOND = {
  version: 2,
  roles: { viewer: FIRST.roles.viewer, accountant: FIRST.roles.clerk },
  renamed: { roles: { clerk: 'accountant' } },
  retired: { roles: { intern: { reassign: 'viewer' } } },
} satisfies PolicyDefinition;

function bootstrap({ pool, options }: Simulation, policy: PolicyDefinition, more: object = {}) {
  return bootstrapDatabase(pool, { ...options, policy, seeders: [], ...more });
}

async function change({ pool, engine }: Simulation, changes: object, reason: string) {
  const client = await pool.connect();
  const by = { engine: engine.name, actor: 'root', reason };
  await changePolicy(client, changes, by).finally(() => client.release());
}

async function readStored({ database }: Simulation): Promise<string[]> {
  const { rows } = await database
    .pool()
    .query(`select concat_ws(' ', ptype, v0, v1, v2) as rule from casbin_rule order by id`);
  return rows.map(({ rule }) => rule);
}

describe.each(SIMULATED)('a definition with a version on %s', (name) => {
  test('renames and retires, and moves users along, with nothing that the engine refuses', async () => {
    await using simulation = await simulate(name);
    const { pool, options, engine } = simulation;
    await bootstrap(simulation, FIRST);
    await change(
      simulation,
      {
        grant: [['clerk', 'notes', 'read']],
        assign: [
          ['ann', 'intern'],
          ['carol', 'clerk'],
        ],
      },
      'ticket 7',
    );

    const report = await bootstrap(simulation, SECOND);

    expect(engine.refusals).toEqual([]);
    expect(report).toMatchObject({
      changed: true,
      ownership: {
        version: 2,
        before: 1,
        renamed: [{ from: 'clerk', to: 'accountant', rules: 4 }],
        removed: [
          ['p', 'intern', 'notes', 'write'],
          ['g', 'intern', 'viewer'],
        ],
        reassigned: 1,
        left: [],
      },
    });
    expect((await readStored(simulation)).sort()).toEqual([
      'g accountant viewer',
      'g ann viewer',
      'g carol accountant',
      'p accountant invoices write',
      'p accountant notes read',
      'p viewer invoices read',
    ]);
    expect(await bootstrap(simulation, SECOND)).toMatchObject({ changed: false });
    expect(await bootstrap(simulation, FIRST)).toMatchObject({
      changed: false,
      ownership: { isOlder: true, before: 2 },
    });
    expect(await readStatus(pool, { ...options, policy: SECOND, seeders: [] })).toMatchObject({
      version: { defined: 2, newest: 2 },
      isComplete: true,
    });
  });

  test('has nothing to write at a start whose version is the recorded one', async () => {
    await using simulation = await simulate(name);
    await bootstrap(simulation, FIRST);
    const started = simulation.engine.statements.length;
    expect(await bootstrap(simulation, FIRST)).toMatchObject({ changed: false, ownership: { before: 1 } });
    expect(simulation.engine.statements.slice(started).join('\n')).not.toMatch(/\b(insert|update)\b/i);
  });

  test('does not insert rules again that were revoked with a reason, until they are granted again', async () => {
    await using simulation = await simulate(name);
    const { pool, options } = simulation;
    await bootstrap(simulation, FIRST);
    await change(simulation, { revoke: [['clerk', 'invoices', 'write']] }, 'audit finding 12');

    const keptAway = [{ because: 'revoked', actor: 'root', reason: 'audit finding 12' }];
    expect(await bootstrap(simulation, FIRST)).toMatchObject({ changed: false, verification: { keptAway } });
    expect(await verifyDatabase(pool, { ...options, policy: FIRST })).toMatchObject({ ok: true, keptAway });

    await change(simulation, { grant: [['clerk', 'invoices', 'write']] }, 'a mistake');
    await simulation.database.pool().query(`delete from casbin_rule where v0 = 'clerk' and ptype = 'p'`);
    expect(await bootstrap(simulation, FIRST)).toMatchObject({ changed: true });
    expect(await readStored(simulation)).toContain('p clerk invoices write');
  });

  test('leaves all as it was where a later seeder fails, and retires at the next start', async () => {
    await using simulation = await simulate(name);
    await bootstrap(simulation, FIRST);
    const before = await readStored(simulation);
    const failing = {
      name: 'failing',
      seed: async () => {
        throw new Error('not today');
      },
    };

    await expect(bootstrap(simulation, SECOND, { seeders: [failing] })).rejects.toThrow('not today');

    expect(await readStored(simulation)).toEqual(before);
    const { rows } = await simulation.database.pool().query('select version from casbin_bootstrap_version');
    expect(rows).toEqual([{ version: 1 }]);
    expect((await bootstrap(simulation, SECOND)).ownership).toMatchObject({ before: 1 });
  });

  test('does not treat the rules of an existing table as its own, not even after a conflict at the commit', async () => {
    await using simulation = await simulate(name);
    const { database, engine } = simulation;
    await database.pool().query(`
      create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
      insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'intern', 'notes', 'write');
    `);
    engine.failCommits(1);

    const first = await bootstrap(simulation, FIRST, { table: 'casbin_rule' });
    const second = await bootstrap(simulation, SECOND, { table: 'casbin_rule' });

    expect(first.ownership).toMatchObject({ before: null });
    expect(second.ownership).toMatchObject({
      removed: [['g', 'intern', 'viewer']],
      left: [['p', 'intern', 'notes', 'write']],
    });
  });

  test('is planned where its tables are there', async () => {
    await using simulation = await simulate(name);
    const { pool, options } = simulation;
    await bootstrap(simulation, FIRST);
    const before = await readStored(simulation);

    const plan = await planBootstrap(pool, { ...options, policy: SECOND, seeders: [] });

    expect(plan).toMatchObject({ changed: true, ownership: { removed: [{}, {}] } });
    expect(await readStored(simulation)).toEqual(before);
  });
});

test('after an attempt that ended with a conflict, reports its migrations, and is still the first run', async () => {
  await using simulation = await simulate('cockroachdb');
  const firstRuns: boolean[] = [];
  const last: Seeder = {
    name: 'last',
    async seed({ firstRun }) {
      if (firstRuns.push(firstRun) === 1) simulation.engine.failCommits(1);
      return { inserted: 0, existing: 0 };
    },
  };

  const { migrations } = await bootstrap(simulation, FIRST, { seeders: [last] });

  expect(migrations.map((migration) => migration.name)).toEqual(['0001_casbin_rule', '0004_ownership']);
  expect(firstRuns).toEqual([true, true]);
});

test('on aurora-dsql, is refused with more rules than fit one transaction with their record', async () => {
  await using simulation = await simulate('aurora-dsql');
  const rules = Array.from({ length: 1_251 }, (_, index) => ['p', `role ${index}`, 'data', 'read']);

  await expect(bootstrap(simulation, { version: 1, rules })).rejects.toMatchObject({
    code: 'RECORD_IMPOSSIBLE',
    message: expect.stringMatching(/1251 rules.*takes 2500 rows\./),
  });
  const { rows } = await simulation.database
    .pool()
    .query(`select count(*)::int as tables from pg_catalog.pg_tables where schemaname = 'public'`);
  expect(rows).toEqual([{ tables: 0 }]);
  await expect(bootstrap(simulation, { version: 1, rules: rules.slice(1) })).resolves.toMatchObject({
    seeders: [{ inserted: 1_250 }],
  });
  // Its keys are short.
  const indexes = await simulation.database
    .pool()
    .query(`select indexname from pg_catalog.pg_indexes where tablename = 'casbin_bootstrap_rule'`);
  expect(indexes.rows).toEqual([]);
});

test('on aurora-dsql, a change in an open transaction is a part of it, and one that fails aborts it', async () => {
  await using simulation = await simulate('aurora-dsql');
  const never = [['intern', 'invoices', 'write']] as const;
  const policy = { ...FIRST, never };
  await bootstrap(simulation, policy);
  const client = await simulation.pool.connect();
  const inTransaction = async (end: 'commit' | 'rollback', work: () => Promise<unknown>) => {
    await client.query('begin isolation level repeatable read read write');
    await work().finally(() => client.query(end));
  };
  const assign = (user: string, role: string) =>
    changePolicy(client, { assign: [[user, role]] }, { engine: 'aurora-dsql', actor: 'root', policy });
  try {
    await inTransaction('rollback', () => assign('ann', 'clerk'));
    await inTransaction('commit', () => assign('bob', 'clerk'));
    await inTransaction('commit', async () => {
      await expect(assign('intern', 'clerk')).rejects.toMatchObject({ code: 'CHANGE_REFUSED' });
      await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    });
  } finally {
    client.release();
  }

  const links = (await readStored(simulation)).filter((rule) => / clerk$/.test(rule));
  expect(links).toEqual(['g bob clerk']);
});
