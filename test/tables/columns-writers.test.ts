import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bootstrapDatabase, changePolicy } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { createDatabase, useDatabase } from '../support/database.ts';
import { manyRules, storedRules, untilWaiting } from './rule-table.fixture.ts';
import { createStockTable } from './stock-tables.fixture.ts';

const ADAPTERS = ['typeorm-adapter', 'gorm-adapter of Go', 'xorm-adapter of Go'] as const;

async function sorted(pool: pg.Pool): Promise<string[][]> {
  return (await storedRules(pool, 'casbin_rule', 'ctid')).toSorted();
}

/** As a stock adapter does, which does not look whether the rule is there. */
async function insertRaw(client: pg.Pool | pg.PoolClient, rule: readonly string[]): Promise<void> {
  await client.query(`insert into casbin_rule (ptype, v0, v1, v2) values ('p', $1, $2, $3)`, [...rule]);
}

describe.each(ADAPTERS)('in the table of %s', (stock) => {
  const database = useDatabase();
  const pool = database.pool({ max: 16 });
  const adapter = createAdapter(pool);

  beforeAll(() => createStockTable(pool, stock));
  beforeEach(() => pool.query('truncate casbin_rule'));

  test('a rule is removed by some of its values while another session changes another value', async () => {
    await adapter.addPolicies('p', 'p', [
      ['alice', 'data1', 'read'],
      ['bob', 'data1', 'read'],
    ]);
    const other = await pool.connect();
    await other.query('begin');
    await createAdapter(other).updatePolicy(
      'p',
      'p',
      ['alice', 'data1', 'read'],
      ['alice', 'data1', 'write'],
    );
    const removing = adapter.removeFilteredPolicy('p', 'p', 0, 'alice');
    await untilWaiting(pool, 1);
    await other.query('commit');
    other.release();
    await removing;
    expect(await storedRules(pool, 'casbin_rule', 'ctid')).toEqual([['p', 'bob', 'data1', 'read']]);
  });

  test('a rule with more values than there are columns is not stored, so none is removed or replaced', async () => {
    const longest = stock === 'typeorm-adapter' ? 7 : 6;
    const stored = Array.from({ length: longest }, (_, n) => `value${n}`);
    await adapter.addPolicy('p', 'p', stored);
    await adapter.removePolicy('p', 'p', [...stored, 'more']);
    await adapter.removePolicies('p', 'p', [['x'], [...stored, 'more']]);
    await expect(adapter.updatePolicy('p', 'p', [...stored, 'more'], ['z'])).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(await storedRules(pool, 'casbin_rule', 'ctid')).toEqual([['p', ...stored]]);
  });

  test('a rule that ends with an empty value is not stored, so the shorter one is not removed', async () => {
    await adapter.addPolicy('p', 'p', ['alice', 'data1']);
    await adapter.removePolicy('p', 'p', ['alice', 'data1', '']);
    await expect(adapter.updatePolicy('p', 'p', ['alice', 'data1', ''], ['z'])).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(await storedRules(pool, 'casbin_rule', 'ctid')).toEqual([['p', 'alice', 'data1']]);
  });

  test('a rule that several instances add at once is one row, in any order of adding', async () => {
    const rules = manyRules(20);
    const instances = Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? rules : rules.toReversed()));
    await Promise.all([
      ...instances.map((given) => createAdapter(pool).addPolicies('p', 'p', given)),
      ...rules.map((rule) => createAdapter(pool).addPolicy('p', 'p', rule)),
    ]);
    expect(await sorted(pool)).toEqual(rules.map((rule) => ['p', ...rule]).toSorted());
  });

  test('rules that are updated, added, removed and saved at once end as if one came after the other', async () => {
    const model = rbacModel();
    model.addPolicies('p', 'p', [['saved'], ['a']]);
    for (let round = 0; round < 15; round++) {
      await pool.query('truncate casbin_rule');
      await adapter.addPolicies('p', 'p', [['a'], ['b'], ['c']]);
      const outcomes = await Promise.allSettled([
        adapter.updatePolicy('p', 'p', ['a'], ['new']),
        adapter.addPolicies('p', 'p', [['new'], ['x'], ['a']]),
        adapter.updatePolicy('p', 'p', ['b'], ['new']),
        adapter.removePolicies('p', 'p', [['c'], ['b'], ['a']]),
        adapter.addPolicies('p', 'p', [['x'], ['new']]),
        ...(round % 3 === 0 ? [adapter.savePolicy(model)] : []),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONFLICT' });
      }
      const stored = (await sorted(pool)).map(([, value]) => value);
      expect(stored).toEqual([...new Set(stored)]);
      expect(stored).not.toContain('c');
      if (round % 3 !== 0) expect(stored).toEqual(expect.arrayContaining(['new', 'x']));
    }
  });

  test('a rule is removed for good while another instance replaces it', async () => {
    for (let round = 0; round < 15; round++) {
      await pool.query('truncate casbin_rule');
      await adapter.addPolicies('p', 'p', [
        ['alice', 'data', 'read'],
        ['bob', 'data', 'read'],
      ]);
      await Promise.allSettled([
        adapter.updatePolicy('p', 'p', ['alice', 'data', 'read'], ['alice', 'data', 'write']),
        adapter.removeFilteredPolicy('p', 'p', 0, 'alice'),
        adapter.removePolicies('p', 'p', [
          ['alice', 'data', 'write'],
          ['alice', 'data', 'read'],
        ]),
        adapter.removeFilteredPolicy('p', 'p', 0, 'alice'),
      ]);
      expect((await sorted(pool)).filter(([, name]) => name === 'bob')).toHaveLength(1);
      await adapter.removeFilteredPolicy('p', 'p', 0, 'alice');
      expect(await sorted(pool)).toEqual([['p', 'bob', 'data', 'read']]);
    }
  });

  test('a policy that is saved while others add rules is complete, and their rules follow it', async () => {
    const saved = manyRules(200);
    const model = rbacModel();
    model.addPolicies('p', 'p', saved);
    for (let round = 0; round < 5; round++) {
      await pool.query('truncate casbin_rule');
      await Promise.all([
        adapter.savePolicy(model),
        adapter.addPolicies('p', 'p', [...saved.slice(0, 20).toReversed(), ['added', 'data', 'read']]),
        adapter.addPolicy('p', 'p', saved[7] ?? []),
        adapter.savePolicy(model),
      ]);
      const stored = (await sorted(pool)).filter(([, name]) => name !== 'added');
      expect(stored).toEqual(saved.map((rule) => ['p', ...rule]).toSorted());
    }
  });

  test('of two bootstraps and a writer that asks for nothing, the bootstraps store no rule twice', async () => {
    const rules = manyRules(30);
    const options = {
      table: 'casbin_rule',
      seeders: [],
      policy: { rules: rules.map((rule) => ['p', ...rule]) },
    };
    const writer = await pool.connect();
    await writer.query('begin');
    await insertRaw(writer, rules[3] ?? []);
    const bootstraps = [bootstrapDatabase(pool, options), bootstrapDatabase(pool, options)];
    await untilWaiting(pool, 2);
    await writer.query('commit');
    writer.release();
    const reports = await Promise.all(bootstraps);

    expect(reports.map(({ verification }) => verification.ok)).toEqual([true, true]);
    expect(
      reports.map(({ seeders }) => seeders.reduce((sum, { inserted }) => sum + inserted, 0)).sort(),
    ).toEqual([0, 29]);
    expect(await sorted(pool)).toEqual(rules.map((rule) => ['p', ...rule]).toSorted());
    await insertRaw(pool, rules[3] ?? []);
    const again = await bootstrapDatabase(pool, options);
    expect(again).toMatchObject({ changed: false, verification: { ok: true } });
    expect(again.verification.integrity).toContainEqual(
      expect.objectContaining({ severity: 'warning', message: expect.stringContaining('is stored 2 times') }),
    );
  });
});

test('a rule whose new id is in use is an error', async () => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'typeorm-adapter');
  await pool.query(`insert into casbin_rule (id, ptype, v0) values (1, 'p', 'a')`);
  await expect(createAdapter(pool).addPolicy('p', 'p', ['b'])).rejects.toMatchObject({ code: '23505' });
});

test('a bootstrap that removes duplicates locks no row before it has the table, else two would wait for each other', async () => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'typeorm-adapter');
  await pool.query(
    `insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'a', 'b', 'c'), ('p', 'a', 'b', 'c')`,
  );
  const other = await pool.connect();
  await other.query('begin');
  await createAdapter(other).addPolicy('p', 'p', ['x']);
  const table = { name: 'casbin_rule', duplicates: 'remove' } as const;
  const policy = { rules: [['p', 'd', 'e', 'f']] };
  const bootstrapping = bootstrapDatabase(pool, { table, seeders: [], policy });
  await untilWaiting(pool, 1);
  const { rowCount } = await other.query(`select from casbin_rule where v0 = 'a' for update skip locked`);
  await createAdapter(other).removePolicy('p', 'p', ['a', 'b', 'c']);
  await other.query('commit');
  other.release();
  await bootstrapping;

  expect(rowCount).toBe(2);
  expect(await storedRules(pool, 'casbin_rule')).toEqual([
    ['p', 'x'],
    ['p', 'd', 'e', 'f'],
  ]);
});

test('with a unique index over whole rules, rules that another session has just stored are no error', async () => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'gorm-adapter of Go');
  const other = await pool.connect();
  await other.query('begin');
  await other.query(
    `insert into casbin_rule (ptype, v0, v1, v2, v3, v4, v5) values ('p', 'a', '', '', '', '', '')`,
  );
  const adding = createAdapter(pool).addPolicies('p', 'p', [['a'], ['b']]);
  await untilWaiting(pool, 1);
  await other.query('commit');
  other.release();
  await adding;
  expect(await storedRules(pool, 'casbin_rule')).toEqual([
    ['p', 'a'],
    ['p', 'b'],
  ]);
});

test.each([
  'alter table casbin_rule add unique (ptype, v0, v1, v2, v3, v4, v5) deferrable initially deferred',
  `create unique index on casbin_rule (v0, ptype, v1, v2, v3, v4, v5);
   alter table casbin_rule add unique (ptype, v0, v1, v2, v3, v4, v5) deferrable`,
])('a deferrable constraint over whole rules is not needed for rules to be stored once: %s', async (made) => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'sqlalchemy-adapter of Python');
  await pool.query(made);
  const policy = { rules: [['p', 'a', 'b', 'c']] };
  await bootstrapDatabase(pool, { table: 'casbin_rule', seeders: [], policy });
  const rules = manyRules(20);
  await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      createAdapter(pool).addPolicies('p', 'p', n % 2 === 0 ? rules : rules.toReversed()),
    ),
  );
  expect(await sorted(pool)).toEqual([policy.rules[0], ...rules.map((rule) => ['p', ...rule])].toSorted());
});

test.each(ADAPTERS)('array_nulls = off changes no rule in the table of %s', async (stock) => {
  const database = await createDatabase();
  const pool = database.pool({ options: '-c array_nulls=off' });
  await createStockTable(pool, stock);
  const adapter = createAdapter(pool);
  await adapter.addPolicy('p', 'p', ['alice', 'data1', 'read']);
  await adapter.updatePolicy('p', 'p', ['alice', 'data1', 'read'], ['alice', 'data1', 'write']);
  const client = await pool.connect();
  await client.query('begin');
  await createAdapter(client).addPolicies('p', 'p', [
    ['bob', 'data1', 'read'],
    ['bob', 'data2', 'read'],
  ]);
  await changePolicy(client, { grant: [['carol', 'data1', 'read']] }, { actor: 'root' });
  await client.query('commit');
  client.release();
  expect(await sorted(pool)).toEqual([
    ['p', 'alice', 'data1', 'write'],
    ['p', 'bob', 'data1', 'read'],
    ['p', 'bob', 'data2', 'read'],
    ['p', 'carol', 'data1', 'read'],
  ]);
  await adapter.removePolicies('p', 'p', [
    ['bob', 'data1', 'read'],
    ['bob', 'data2', 'read'],
  ]);
  await adapter.removePolicy('p', 'p', ['alice', 'data1', 'write']);
  expect(await sorted(pool)).toEqual([['p', 'carol', 'data1', 'read']]);
});
