import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Rule } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { countRules, createRuleTable, inTransaction, manyRules, untilWaiting } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool({ max: 8 });
const adapter = createAdapter(pool);

beforeAll(async () => {
  await createRuleTable(pool);
  await pool.query('create schema other');
  await createRuleTable(pool, 'other');
});
beforeEach(() => pool.query('truncate casbin, other.casbin restart identity'));

const add = (values: string[][]) => adapter.addPolicies('p', 'p', values);

const seed = (values: string[][]) => {
  const rules = values.map((rule): Rule => ({ ptype: 'p', values: rule }));
  return inTransaction(pool, (client) => seedRules(client, new DocumentTable(), rules));
};

/** Runs `work` while somebody has a rule inserted that may not stay. */
async function besides(
  obstruct: (obstacle: pg.PoolClient) => Promise<unknown>,
  work: () => Promise<unknown>[],
): Promise<void> {
  await inTransaction(pool, async (obstacle) => {
    await obstruct(obstacle);
    const working = Promise.all(work());
    await untilWaiting(pool, 2);
    await obstacle.query('rollback; begin');
    await working;
  });
}

describe.each([
  { count: 3, how: 'a few rules' },
  { count: 64, how: 'as many rules as are locked one by one' },
  { count: 65, how: 'one rule more' },
  { count: 500, how: 'many rules' },
])('of those who insert $how in opposite orders, nobody ends in a deadlock:', ({ count }) => {
  const rules = manyRules(count);
  const half = Math.floor(count / 2);
  const middle = rules[half] ?? [];
  // Who knows of no lock of ours.
  const strange = (obstacle: pg.PoolClient) =>
    obstacle.query(`insert into casbin (ptype, rule) values ('p', $1)`, [JSON.stringify(middle)]);

  test('two who add them', async () => {
    await besides(strange, () => [add(rules), add(rules.toReversed())]);
    expect(await countRules(pool)).toBe(count);
  });

  test('two who add them while a third has just added one of them', async () => {
    const alike = (obstacle: pg.PoolClient) => createAdapter(obstacle).addPolicies('p', 'p', [middle, ['x']]);
    await besides(alike, () => [add(rules), add(rules.toReversed())]);
    expect(await countRules(pool)).toBe(count);
  });

  test('one who adds and one who seeds them', async () => {
    await besides(strange, () => [add(rules), seed(rules.toReversed())]);
    expect(await countRules(pool)).toBe(count);
  });

  test('one who adds a few of them, and one who seeds them all', async () => {
    await besides(strange, () => [add([rules.at(-1) ?? [], middle, rules[half - 1] ?? []]), seed(rules)]);
    expect(await countRules(pool)).toBe(count);
  });

  test('one who adds and one who saves them', async () => {
    const model = rbacModel();
    model.addPolicies('p', 'p', rules.toReversed());
    await besides(strange, () => [add(rules), adapter.savePolicy(model)]);
    expect(await countRules(pool)).toBe(count);
  });
});

/** The advisory locks that the transaction of the client holds. */
async function countLocks(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::int as count from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
  );
  return rows[0].count;
}

test('who adds a rule, or nothing new, takes no lock that others wait for', async () => {
  await add([['a'], ['b']]);
  await inTransaction(pool, async (client) => {
    const own = createAdapter(client);
    await own.addPolicy('p', 'p', ['c']);
    await own.addPolicies('p', 'p', [['a'], ['b'], ['d']]);
    await own.addPolicies('p', 'p', [['b'], ['a']]);
    expect(await countLocks(client)).toBe(0);
  });
});

test('who adds many rules takes few locks', async () => {
  await inTransaction(pool, async (client) => {
    await createAdapter(client).addPolicies('p', 'p', manyRules(1_000));
    expect(await countLocks(client)).toBe(1);
  });
});

test('a transaction that has added a few rules keeps nobody from adding others', async () => {
  await inTransaction(pool, async (client) => {
    await createAdapter(client).addPolicies('p', 'p', [['a'], ['b']]);
    await add([['c'], ['d']]);
    await seed([['e'], ['f']]);
    expect(await countRules(pool)).toBe(4);
  });
});

test.each([2, 100])(
  'a transaction that has added %i rules keeps nobody from adding the same to another table',
  async (count) => {
    const rules = manyRules(count);
    await inTransaction(pool, async (client) => {
      await createAdapter(client).addPolicies('p', 'p', rules);
      await createAdapter(pool, { schema: 'other' }).addPolicies('p', 'p', rules);
      expect(await countRules(pool, 'other.casbin')).toBe(count);
    });
  },
);
