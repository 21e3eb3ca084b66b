import type pg from 'pg';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { ClientLike, Rule } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { useDatabase } from '../support/database.ts';
import { createRuleTable, inTransaction, storedRules, unindexableValue } from './rule-table.fixture.ts';

const MANY = 25_000;

const database = useDatabase();
const pool = database.pool({ max: 3 });
const rules = Array.from({ length: MANY }, (_, index): Rule => {
  return { ptype: index % 7 === 0 ? 'g' : 'p', values: [`role${index % 50}`, `data${index}`, 'read'] };
});

beforeAll(() => createRuleTable(pool));
beforeEach(() => pool.query('truncate casbin restart identity'));

function seed(given: readonly Rule[], report?: (done: number) => void): Promise<Rule[]> {
  return inTransaction(pool, (client) => seedRules(client, new DocumentTable(), given, report));
}

it('adds many rules in the order given, and tells how far it has come', async () => {
  const reports: number[] = [];
  expect(await seed(rules, (done) => reports.push(done))).toEqual(rules);
  expect(await storedRules(pool)).toEqual(rules.map(({ ptype, values }) => [ptype, ...values]));
  expect(reports).toEqual([10_000, 20_000, 25_000]);
});

it('writes the rows in the order given, as a stock adapter reads them', async () => {
  const given = [{ ptype: 'p', values: ['z'] }, { ptype: 'g', values: ['m', 'a'] }, ...rules.slice(0, 100)];
  await seed(given);
  const { rows } = await pool.query('select ptype, rule from casbin order by ctid');
  expect(rows).toEqual(given.map(({ ptype, values }) => ({ ptype, rule: values })));
});

it('adds of many rules what is missing, each once, and draws no ids for the rest', async () => {
  const present = rules.filter((_, index) => index % 2 === 0);
  const missing = rules.filter((_, index) => index % 2 === 1);
  await seed(present);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["role1", "somebody else"]')`);

  expect(await seed([...missing.slice(0, 100), ...rules])).toEqual(missing);

  const { rows } = await pool.query('select count(*)::int as count, max(id)::int as last from casbin');
  expect(rows).toEqual([{ count: MANY + 1, last: MANY + 1 }]);
  expect(await seed(rules)).toEqual([]);
});

it('says which of a few rules it has inserted', async () => {
  const given = [
    { ptype: 'g2', values: ['alice', 'reader'] },
    { ptype: 'p', values: ['reader', 'data1', 'read'] },
    { ptype: 'g', values: ['alice', 'reader'] },
  ];
  await createAdapter(pool).addPolicy('p', 'p', ['reader', 'data1', 'read']);
  expect(await seed(given)).toEqual([given[0], given[2]]);
  expect(await seed(given)).toEqual([]);
  expect(await seed([])).toEqual([]);
});

it('names a rule that is too long', async () => {
  const value = unindexableValue();
  const error = await seed([...rules, { ptype: 'p', values: ['role1', value, 'read'] }]).catch((e) => e);
  expect(error).toMatchObject({ code: 'RULE_TOO_LONG' });
  expect(error.message).toContain(`p, role1, ${value.slice(0, 40)}`);
  expect(await storedRules(pool)).toEqual([]);
});

it('ignores rows that hold no rule, which loading the policy reports', async () => {
  await pool.query(
    `insert into casbin (ptype, rule) values ('p', '["role1", null]'), ('p', '["role1", {"length": 2}]')`,
  );
  expect(await seed(rules)).toEqual(rules);
});

it('does not claim a rule that somebody else adds meanwhile', async () => {
  const [theirs] = rules.slice(12_345);
  const added = await inTransaction(pool, (client) =>
    seedRules(addingFirst(client, theirs), new DocumentTable(), rules),
  );
  const others = rules.filter((rule) => rule !== theirs);
  expect(added.map(toLine).sort().join('\n')).toBe(others.map(toLine).sort().join('\n'));
  expect(new Set((await storedRules(pool)).map((rule) => rule.join())).size).toBe(MANY);
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
        await createAdapter(pool).addPolicy('p', rule?.ptype ?? '', [...(rule?.values ?? [])]);
      }
      return client.query(text, values);
    },
  };
}

it('adds many rules twice in one transaction', async () => {
  await inTransaction(pool, async (client) => {
    expect(await seedRules(client, new DocumentTable(), rules.slice(0, 2_000))).toHaveLength(2_000);
    expect(await seedRules(client, new DocumentTable(), rules.slice(0, 3_000))).toEqual(
      rules.slice(2_000, 3_000),
    );
  });
});
