import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { ClientLike, Rule } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import {
  countRules,
  inTransaction,
  storedRules,
  unindexableValue,
  untilWaiting,
} from './rule-table.fixture.ts';

const MANY = 25_000;

const database = useDatabase();
const pool = database.pool({ max: 3 });
const rules = Array.from({ length: MANY }, (_, index): Rule => {
  return { ptype: index % 7 === 0 ? 'g' : 'p', values: [`role${index % 50}`, `data${index}`, 'read'] };
});

beforeAll(() => createLayouts(pool));
function toLine({ ptype, values }: Rule): string {
  return [ptype, ...values].join(', ');
}

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

  async function seed(given: readonly Rule[], report?: (done: number) => void): Promise<readonly Rule[]> {
    const { inserted, absent } = await inTransaction(pool, (client) =>
      seedRules(client, layout.ruleTable, given, { report }),
    );
    expect(absent).toEqual([]);
    return inserted;
  }

  it('adds values as they are, whatever characters they hold', async () => {
    const values = [
      '"',
      '\\',
      '\\n',
      'a\nb',
      '\t',
      '\u0001',
      '\u007f',
      '\u2028',
      '{}',
      'NULL',
      'null',
      "it's",
      ' é𝄞 ',
      ',',
    ];
    const unusual = values.map((value): Rule => ({ ptype: 'p', values: [value, `x${value}`, 'read'] }));
    expect(await seed(unusual)).toEqual(unusual);
    expect(await storedRules(pool, layout.table)).toEqual(unusual.map(({ values }) => ['p', ...values]));
    expect(await seed(unusual)).toEqual([]);

    const escaped = unusual.filter(({ values: [first = ''] }) => /^[^\p{Cc}]+$/u.test(first));
    await pool.query(`truncate ${layout.table} restart identity`);
    expect(await seed(escaped)).toEqual(escaped);
    expect(await storedRules(pool, layout.table)).toEqual(escaped.map(({ values }) => ['p', ...values]));
  });

  it('adds many rules in the given order, and reports its progress', async () => {
    const reports: number[] = [];
    expect(await seed(rules, (done) => reports.push(done))).toEqual(rules);
    expect(await storedRules(pool, layout.table)).toEqual(
      rules.map(({ ptype, values }) => [ptype, ...values]),
    );
    expect(reports).toEqual([10_000, 20_000, 25_000]);
  });

  it('writes the rows in the order given, as a stock adapter reads them', async () => {
    const given = [{ ptype: 'p', values: ['z'] }, { ptype: 'g', values: ['m', 'a'] }, ...rules.slice(0, 100)];
    await seed(given);
    expect(await storedRules(pool, layout.table, 'ctid')).toEqual(
      given.map(({ ptype, values }) => [ptype, ...values]),
    );
  });

  it('adds the missing ones of many rules, each once, and uses no ids for the others', async () => {
    const present = rules.filter((_, index) => index % 2 === 0);
    const missing = rules.filter((_, index) => index % 2 === 1);
    await seed(present);
    await layout.insert(pool, ['g', 'role1', 'somebody else']);

    expect(await seed([...missing.slice(0, 100), ...rules])).toEqual(missing);

    const { rows } = await pool.query(
      `select count(*)::int as count, max(id)::int as last from ${layout.table}`,
    );
    expect(rows).toEqual([{ count: MANY + 1, last: MANY + 1 }]);
    expect(await seed(rules)).toEqual([]);
  });

  it('says which of a few rules it has inserted', async () => {
    const given = [
      { ptype: 'g2', values: ['alice', 'reader'] },
      { ptype: 'p', values: ['reader', 'data1', 'read'] },
      { ptype: 'g', values: ['alice', 'reader'] },
    ];
    await createAdapter(pool, layout.options).addPolicy('p', 'p', ['reader', 'data1', 'read']);
    expect(await seed(given)).toEqual([given[0], given[2]]);
    expect(await seed(given)).toEqual([]);
    expect(await seed([])).toEqual([]);
  });

  it('names a rule that is too long', async () => {
    const value = unindexableValue();
    const error = await seed([...rules, { ptype: 'p', values: [value, 'data1', 'read'] }]).catch((e) => e);
    expect(error).toMatchObject({ code: 'RULE_TOO_LONG' });
    expect(error.message).toContain(`p, ${value.slice(0, 40)}`);
    expect(await storedRules(pool, layout.table)).toEqual([]);
  });

  it('ignores rows that hold no rule, which loading the policy reports', async () => {
    const rows = {
      document: `(ptype, rule) values ('p', '["role1", null]'), ('p', '["role1", {"length": 2}]')`,
      columns: `(ptype, v0, v1) values (null, 'role1', 'data1'), ('p', '', '')`,
    };
    await pool.query(`insert into ${layout.table} ${rows[layout.name]}`);
    expect(await seed(rules)).toEqual(rules);
  });

  it('tells rules that a trigger leaves out or changes', async () => {
    const [first, second, ...others] = rules.slice(0, 4);
    const column = layout.name === 'document' ? 'rule' : 'v0';
    const [value, changed] = layout.name === 'document' ? ['rule ->> 1', `'["x"]'`] : ['v1', `'x'`];
    await pool.query(`
      create function meddle() returns trigger language plpgsql as $$ begin
        if new.${value} = 'data0' then return null; end if;
        if new.${value} = 'data1' then new.${column} = ${changed}; end if;
        return new;
      end $$;
      create trigger meddle before insert on ${layout.table} for each row execute function meddle()`);
    const seeded = await inTransaction(pool, async (client) => [
      await seedRules(client, layout.ruleTable, rules.slice(1, 4)),
      await seedRules(client, layout.ruleTable, rules.slice(0, 4)),
    ]);
    await pool.query(`drop function meddle cascade`);
    expect(seeded).toEqual([
      { inserted: others, absent: [second] },
      { inserted: [], absent: [first, second] },
    ]);
  });

  it('adds many rules twice in one transaction', async () => {
    await inTransaction(pool, async (client) => {
      const seedFirst = (count: number) => seedRules(client, layout.ruleTable, rules.slice(0, count));
      expect((await seedFirst(2_000)).inserted).toHaveLength(2_000);
      expect(await seedFirst(3_000)).toEqual({ inserted: rules.slice(2_000, 3_000), absent: [] });
    });
  });
});

describe('in a table of layout document', () => {
  const [layout] = LAYOUTS;

  beforeEach(() => pool.query('truncate casbin restart identity'));

  it('does not report a rule as inserted that another session adds at the same time', async () => {
    const [theirs] = rules.slice(12_345);
    const { inserted: added, absent } = await inTransaction(pool, (client) =>
      seedRules(addingFirst(client, theirs), layout.ruleTable, rules),
    );
    expect(absent).toEqual([]);
    const others = rules.filter((rule) => rule !== theirs);
    expect(added.map(toLine).sort().join('\n')).toBe(others.map(toLine).sort().join('\n'));
    expect(new Set((await storedRules(pool, 'casbin')).map((rule) => rule.join())).size).toBe(MANY);
  });
});

/** A client before whose second portion somebody else adds a rule of it. */
function addingFirst(client: pg.PoolClient, rule: Rule | undefined): ClientLike {
  let portions = 0;
  return {
    async query(text, values) {
      if (text.includes('insert into') && ++portions === 2) {
        await createAdapter(pool, { table: 'casbin' }).addPolicy('p', rule?.ptype ?? '', [
          ...(rule?.values ?? []),
        ]);
      }
      return client.query(text, values);
    },
  };
}

test('in a table of layout columns, a writer that adds a rule at the same time waits, and finds it stored', async () => {
  const [, layout] = LAYOUTS;
  await pool.query('truncate casbin_rule restart identity');
  const { values = [] } = rules[12_345] ?? {};
  const adding = await inTransaction(pool, async (client) => {
    await seedRules(client, layout.ruleTable, rules);
    const waiting = createAdapter(pool, layout.options).addPolicy('p', 'p', [...values]);
    await untilWaiting(pool, 1);
    return { waiting };
  });
  await adding.waiting;
  expect(await countRules(pool, 'casbin_rule')).toBe(MANY);
});
