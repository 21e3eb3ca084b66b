import type pg from 'pg';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { ClientLike, Rule } from '../../src/index.ts';
import { createSeedingAdapter } from '../../src/tables/adapter.ts';
import { useDatabase } from '../support/database.ts';
import { createRuleTable, storedRules, unindexableValue } from './rule-table.fixture.ts';

const MANY = 25_000;

const database = useDatabase();
const pool = database.pool({ max: 3 });
const adapter = createSeedingAdapter(pool);
const rules = Array.from({ length: MANY }, (_, index): Rule => {
  return { ptype: index % 7 === 0 ? 'g' : 'p', values: [`role${index % 50}`, `data${index}`, 'read'] };
});

beforeAll(() => createRuleTable(pool));
beforeEach(() => pool.query('truncate casbin restart identity'));

it('adds many rules in the order given, and tells how far it has come', async () => {
  const reports: number[] = [];
  expect(await adapter.addRules(rules, (done) => reports.push(done))).toEqual(rules);
  expect(await storedRules(pool)).toEqual(rules.map(({ ptype, values }) => [ptype, ...values]));
  expect(reports).toEqual([10_000, 20_000, 25_000]);
});

it('adds of many rules what is missing, each once, and draws no ids for the rest', async () => {
  const present = rules.filter((_, index) => index % 2 === 0);
  const missing = rules.filter((_, index) => index % 2 === 1);
  await adapter.addRules(present);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["role1", "somebody else"]')`);

  expect(await adapter.addRules([...missing.slice(0, 100), ...rules])).toEqual(missing);

  const { rows } = await pool.query('select count(*)::int as count, max(id)::int as last from casbin');
  expect(rows).toEqual([{ count: MANY + 1, last: MANY + 1 }]);
  expect(await adapter.addRules(rules)).toEqual([]);
});

it('adds many rules or none', async () => {
  const tooLong = { ptype: 'p', values: ['role1', unindexableValue(), 'read'] };
  await expect(adapter.addRules([...rules, tooLong])).rejects.toMatchObject({ code: 'RULE_TOO_LONG' });
  expect(await storedRules(pool)).toEqual([]);

  const unstorable = { ptype: 'p', values: ['role1', '\0', 'read'] };
  await expect(adapter.addRules([...rules, unstorable])).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  expect(await storedRules(pool)).toEqual([]);
});

it('ignores rows that hold no rule, which loading the policy reports', async () => {
  await pool.query(
    `insert into casbin (ptype, rule) values ('p', '["role1", null]'), ('p', '["role1", {"length": 2}]')`,
  );
  expect(await adapter.addRules(rules)).toEqual(rules);
});

it('leaves a transaction usable in which many rules could not be added', async () => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const tooLong = { ptype: 'p', values: ['role1', unindexableValue(), 'read'] };
    await expect(createSeedingAdapter(client).addRules([...rules, tooLong])).rejects.toMatchObject({
      code: 'RULE_TOO_LONG',
    });
    expect((await client.query('select count(*)::int as count from casbin')).rows).toEqual([{ count: 0 }]);
    await client.query('rollback');
  } finally {
    client.release();
  }
});

it('does not claim a rule that somebody else adds meanwhile', async () => {
  const [theirs] = rules.slice(12_345);
  const client = await pool.connect();
  try {
    const added = await createSeedingAdapter(addingFirst(client, theirs)).addRules(rules);
    const others = rules.filter((rule) => rule !== theirs);
    expect(added.map(toLine).sort().join('\n')).toBe(others.map(toLine).sort().join('\n'));
    expect(new Set((await storedRules(pool)).map((rule) => rule.join())).size).toBe(MANY);
  } finally {
    client.release();
  }
});

function toLine({ ptype, values }: Rule): string {
  return [ptype, ...values].join(', ');
}

/** A client before whose second portion somebody else adds a rule of it. */
function addingFirst(client: pg.PoolClient, rule: Rule | undefined): ClientLike {
  let portions = 0;
  return {
    async query(text, values) {
      if (text.includes('insert into') && ++portions === 2) {
        await adapter.addPolicy('p', rule?.ptype ?? '', [...(rule?.values ?? [])]);
      }
      return client.query(text, values);
    },
  };
}

it('adds many rules twice in one transaction', async () => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const own = createSeedingAdapter(client);
    expect(await own.addRules(rules.slice(0, 2_000))).toHaveLength(2_000);
    expect(await own.addRules(rules.slice(0, 3_000))).toEqual(rules.slice(2_000, 3_000));
  } finally {
    await client.query('rollback');
    client.release();
  }
});
