import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { casbinRule } from '../../migrations/0001_casbin_rule.ts';
import { readCsvLine } from '../../src/policy/csv.ts';
import type { Rule } from '../../src/policy/rule.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { findRuleTable } from '../../src/tables/find-rule-table.ts';
import { givenRules, type RuleTable } from '../../src/tables/rule-table.ts';
import { createDatabase, useDatabase } from '../support/database.ts';
import { COLUMNS_ADAPTERS, createStockTable, takesNoNull } from './stock-tables.fixture.ts';

const RULES: Rule[] = [
  { ptype: 'p', values: ['reader', 'data1', 'read'] },
  { ptype: 'p', values: ['reader', 'data1', 'read', 'deny'] },
  { ptype: 'g', values: ['alice', 'reader'] },
  { ptype: 'g', values: ['alice'] },
  { ptype: 'g2', values: ['alice', 'reader'] },
  { ptype: 'p', values: ['', 'data1', '', 'x'] },
];

async function tableOf(pool: pg.Pool): Promise<RuleTable> {
  return (await findRuleTable(pool, undefined, { name: 'casbin_rule' })).table;
}

async function insertMissing(pool: pg.Pool, table: RuleTable, rules: readonly Rule[]): Promise<number> {
  const given = table.give(rules);
  const { rowCount } = await pool.query(
    `insert into ${table.sql} (${table.written})
     select ${given.values} from ${givenRules(given)}
     where not exists (select from ${table.sql} stored where ${given.isSame('stored')})
     order by n ${table.onConflict}`,
    [...given.arrays],
  );
  return rowCount ?? 0;
}

async function readRules(pool: pg.Pool, table: RuleTable, from = table.sql): Promise<Rule[]> {
  const { rows } = await pool.query(
    `select ${table.columns('row')} from ${from} row order by row.${table.identity}`,
  );
  return rows.map((row) => {
    const { ptype, rule } = table.read(row);
    return { ptype: String(ptype), values: rule as string[] };
  });
}

/** What a rule's trailing columns hold, of the last row. */
async function lastRow(pool: pg.Pool): Promise<Record<string, string | null>> {
  const { rows } = await pool.query('select * from casbin_rule order by ctid desc limit 1');
  return rows[0];
}

describe.each(COLUMNS_ADAPTERS)('on the table of %s', (adapter) => {
  const database = useDatabase();
  const pool = database.pool();
  let table: RuleTable;

  beforeAll(async () => {
    await createStockTable(pool, adapter);
    table = await tableOf(pool);
  });
  beforeEach(() => pool.query('truncate casbin_rule'));

  test('rules are read as they were written, in their order, and written once', async () => {
    expect(await insertMissing(pool, table, RULES)).toBe(RULES.length);
    expect(await readRules(pool, table)).toEqual(RULES);
    expect(await insertMissing(pool, table, RULES.toReversed())).toBe(0);
  });

  test('a rule is the same whether there is NULL or nothing behind its values', async () => {
    const fillers = takesNoNull(adapter) ? [''] : [null, ''];
    for (const filler of fillers) {
      await pool.query('truncate casbin_rule');
      await pool.query(
        `insert into casbin_rule (ptype, v0, v1, v2, v3, v4, v5) values ('g', 'alice', 'reader', $1, $1, $1, $1)`,
        [filler],
      );
      expect(await insertMissing(pool, table, RULES.slice(2, 3))).toBe(0);
      expect(await readRules(pool, table)).toEqual(RULES.slice(2, 3));
    }
  });

  test('a column without a value holds none under array_nulls = off either', async () => {
    const withoutNulls = database.pool({ max: 1, options: '-c array_nulls=off' });
    const stored = createAdapter(withoutNulls, { table: 'casbin_rule' });
    await stored.addPolicies('p', 'p', [
      ['reader', 'data1', 'read'],
      ['', 'data1', '', 'x'],
    ]);
    await stored.updatePolicy('p', 'p', ['reader', 'data1', 'read'], ['writer', 'data1']);
    const { rows } = await pool.query(
      'select array_remove(array[v0, v1, v2, v3, v4, v5], null) as values from casbin_rule',
    );
    const holdsEmpty = takesNoNull(adapter) || adapter === 'gorm-adapter of Go';
    const filled = (...values: string[]) =>
      holdsEmpty ? [...values, ...Array.from({ length: 6 - values.length }, () => '')] : values;
    expect(rows.map(({ values }) => values).toSorted()).toEqual(
      [filled('', 'data1', '', 'x'), filled('writer', 'data1')].toSorted(),
    );
    await stored.removePolicy('p', 'p', ['writer', 'data1']);
    expect(await readRules(pool, table)).toEqual([{ ptype: 'p', values: ['', 'data1', '', 'x'] }]);
  });

  test('an empty value in front of others is the same as NULL', async () => {
    if (takesNoNull(adapter)) return;
    await pool.query(`insert into casbin_rule (ptype, v1, v3) values ('p', 'data1', 'x')`);
    expect(await insertMissing(pool, table, RULES.slice(5))).toBe(0);
    expect(await readRules(pool, table)).toEqual(RULES.slice(5));
  });

  test('values are found by their position', async () => {
    await insertMissing(pool, table, RULES);
    const { rows } = await pool.query(
      `select ${[0, 3, 10].map((position) => `(${table.value('row', position)} is not null and ${table.value('row', position)} <> '') as "${position}"`).join(', ')}
       from ${table.sql} row order by row.${table.identity}`,
    );
    expect(rows.map(({ 3: fourth }) => fourth)).toEqual([false, true, false, false, false, true]);
    expect(rows.map(({ 10: eleventh }) => eleventh)).toEqual(rows.map(() => false));
  });

  test('rows are found by their first and second values, and those without a first', async () => {
    await insertMissing(pool, table, RULES);
    expect(await readRules(pool, table, table.rowsWith(0, `'alice'`))).toEqual(RULES.slice(2, 5));
    expect(await readRules(pool, table, table.rowsWith(1, `'reader'`))).toEqual([RULES[2], RULES[4]]);
    expect(await readRules(pool, table, table.rowsWith(0, `'nobody'`))).toEqual([]);
    expect(await readRules(pool, table, table.rowsWithoutFirst)).toEqual([RULES[5]]);
  });

  test('rows are shown by their keys', async () => {
    await insertMissing(pool, table, RULES.slice(0, 2));
    const { rows } = await pool.query(
      `select ${table.columns('row')} from ${table.sql} row order by row.${table.identity}`,
    );
    const ids = rows.map((row) => table.read(row).id);
    const shown = await pool.query(table.selectRows(ids));
    expect(shown.rows.map(({ v3 }) => v3 || null)).toEqual([null, 'deny']);
    expect((await pool.query(table.selectRows(ids.slice(1)))).rows).toHaveLength(1);
  });
});

describe('what is written behind the values', () => {
  test('is NULL if columns may be null, and no row has anything else', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'typeorm-adapter');
    await insertMissing(pool, await tableOf(pool), RULES.slice(2, 3));
    expect(await lastRow(pool)).toMatchObject({ v1: 'reader', v2: null, v6: null });
  });

  test("is '' where the rows that are there have it", async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'casbin-sequelize-adapter');
    await pool.query(
      `insert into casbin_rule (ptype, v0, v1, v2, v3, v4, v5) values ('g', 'x', 'y', '', '', '', '')`,
    );
    await insertMissing(pool, await tableOf(pool), RULES.slice(2, 3));
    expect(await lastRow(pool)).toMatchObject({ v1: 'reader', v2: '', v5: '' });
  });

  test.each(['gorm-adapter of Go', 'xorm-adapter of Go'] as const)(
    "is '' in the table of %s, whose columns are unique or not null",
    async (adapter) => {
      const pool = (await createDatabase()).pool();
      await createStockTable(pool, adapter);
      await insertMissing(pool, await tableOf(pool), RULES.slice(2, 3));
      expect(await lastRow(pool)).toMatchObject({ v1: 'reader', v2: '', v5: '' });
    },
  );

  test("is never NULL between two values, where the stock adapters write ''", async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'typeorm-adapter');
    await insertMissing(pool, await tableOf(pool), RULES.slice(5));
    expect(await lastRow(pool)).toMatchObject({ v0: '', v1: 'data1', v2: '', v3: 'x', v4: null });
  });
});

test('rules of the table of pgx are read, under the name that it has for the ptype, and their ids are texts', async () => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'pgx-adapter of Go');
  await pool.query(`insert into casbin_rule (id, p_type, v0, v1) values ('00ff', 'g', 'alice', 'reader')`);
  const table = await tableOf(pool);
  expect(table.read({ id: '17', p_type: 'g', v0: 'alice' })).toEqual({
    id: '17',
    ptype: 'g',
    rule: ['alice'],
  });
  expect(await readRules(pool, table)).toEqual([RULES[2]]);
  expect(await readRules(pool, table, table.rowsWith(0, `'alice'`))).toEqual([RULES[2]]);
  expect((await pool.query(table.selectRows(['00ff', "o'ne"]))).rows).toHaveLength(1);
});

describe('what a table has no room for', () => {
  test('is reported with column and limit, all of it at once', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'gorm-adapter of Go');
    const table = await tableOf(pool);
    const long = 'x'.repeat(101);
    const problems = table.findUnfit([
      { ptype: 'p', values: ['a', long, 'read', long] },
      { ptype: 'p', values: ['a', 'b', 'c', 'd', 'e', 'f'] },
      { ptype: 'p', values: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] },
      { ptype: 'g', values: ['a', ''] },
      { ptype: long, values: ['💡'.repeat(100)] },
    ]);
    expect(problems.map(({ at, message }) => [at, message])).toEqual([
      [
        'rule 1',
        expect.stringContaining(`column "v1" of public.casbin_rule takes 100 characters, and "${long}" in`),
      ],
      ['rule 1', expect.stringContaining('column "v3" of public.casbin_rule takes 100 characters')],
      [
        'rule 3',
        '"p, a, b, c, d, e, f, g" has 7 values, and public.casbin_rule has 6 columns for them (v0 to v5). Shorten it, or add columns: alter table public.casbin_rule add column v6 varchar; the adapter that reads the table must know them too.',
      ],
      [
        'rule 4',
        '"g, a, """ ends with an empty value, which public.casbin_rule stores as no value. Leave it out, or give another.',
      ],
      [
        'rule 5',
        expect.stringMatching(
          /column "ptype" of .* has 101\. Shorten it, or widen the column: alter table public.casbin_rule alter column "ptype" type text$/,
        ),
      ],
    ]);
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['RULE_DOES_NOT_FIT_TABLE']));
  });

  test('would be refused by the server too', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'gorm-adapter of Go');
    const table = await tableOf(pool);
    const rules = [{ ptype: 'p', values: ['💡'.repeat(100), 'x'.repeat(100), 'c', 'd', 'e', 'f'] }];
    expect(table.findUnfit(rules)).toEqual([]);
    expect(await insertMissing(pool, table, rules)).toBe(1);
  });
});

test("a rule is tried in Casbin's loader with quotes, as typeorm-adapter does, and without, as others do", async () => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'typeorm-adapter');
  const table = await tableOf(pool);
  const read = (values: string[]) =>
    table.stockLines({ ptype: 'p', values }).map((line) => readCsvLine(line)?.values);
  expect(read(['eve', '', 'read'])).toEqual([
    ['eve', 'read'],
    ['eve', 'read'],
  ]);
  expect(read(['a,b', 'read'])).toEqual([
    ['a', 'b', 'read'],
    ['a,b', 'read'],
  ]);
});

describe('an index for first values', () => {
  test.each([
    ['casbin-basic-adapter', 'create index on public.casbin_rule (ptype, v0);'],
    ['pgx-adapter of Go', 'create index on public.casbin_rule (p_type, v0);'],
    ['gorm-adapter of Go', null],
    ['xorm-adapter of Go', null],
  ] as const)('of %s is missing: %s', async (adapter, missing) => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, adapter);
    expect((await tableOf(pool)).missingIndex).toBe(missing);
    if (missing !== null) await pool.query(missing);
    expect((await tableOf(pool)).missingIndex).toBe(null);
  });

  test.each([
    ['is not valid', 'create unique index concurrently twice on casbin_rule (v0)', false],
    ['has other columns first', 'create index on casbin_rule (v1, v0)', false],
    ['only brings the values along', 'create index on casbin_rule (ptype) include (v0)', false],
    ['keeps summaries', 'create index on casbin_rule using brin (v0)', false],
    ['hashes them', 'create index on casbin_rule using hash (v0)', true],
    ['is for some rows only', `create index on casbin_rule (v0) where ptype = 'p'`, false],
  ])('counts or not, where one %s', async (_, statement, counts) => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'typeorm-adapter');
    await pool.query(`insert into casbin_rule (ptype, v0) values ('p', 'a'), ('g', 'a')`);
    await pool.query(statement).catch((error) => expect(error).toMatchObject({ code: '23505' }));
    expect((await tableOf(pool)).missingIndex === null).toBe(counts);
  });

  test.each(['(ptype, v0)', '(v0)'])('on %s leaves out no row without a first value', async (index) => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'typeorm-adapter');
    await pool.query(`create index on casbin_rule ${index}`);
    await pool.query(
      `insert into casbin_rule (ptype, v0) values (null, null), (null, ''), (null, 'a'), ('p', null), ('p', ''), ('p', 'a')`,
    );
    const { rowsWithoutFirst } = await tableOf(pool);
    const { rows } = await pool.query(`select id from ${rowsWithoutFirst} found order by id`);
    expect(rows.map(({ id }) => id)).toEqual([1, 2, 4, 5]);
  });

  test.each(['(ptype, v0)', '(v0)'])('on %s is used, however large the table is', async (index) => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'casbin-prisma-adapter');
    await pool.query(`create index on casbin_rule ${index}`);
    await pool.query(
      `insert into casbin_rule (ptype, v0, v1) select 'g' || n % 3, 'user' || n, 'reader' from generate_series(1, 30000) n`,
    );
    const table = await tableOf(pool);
    const plan = async (from: string) => {
      const { rows } = await pool.query(
        `explain select * from (select 'user' || n from generate_series(1, 20000) n) reached (name), ${from} found`,
      );
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    expect(await plan(table.rowsWith(0, 'reached.name'))).not.toContain('Seq Scan on casbin_rule');
    if (index === '(ptype, v0)')
      expect(await plan(table.rowsWithoutFirst)).not.toContain('Seq Scan on casbin_rule');
    expect(await readRules(pool, table, table.rowsWith(0, `'user7'`))).toEqual([
      { ptype: 'g1', values: ['user7', 'reader'] },
    ]);
  });
});

describe('a table that is missing', () => {
  const shapeOf = async (pool: pg.Pool) => {
    const { rows } = await pool.query(`
      select column_name, data_type, character_maximum_length, is_nullable, column_default
      from information_schema.columns where table_name = 'casbin_rule' order by ordinal_position`);
    const constraints = await pool.query(
      `select pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = 'casbin_rule'::regclass and contype <> 'n'`,
    );
    return [rows, constraints.rows];
  };

  test('is created as typeorm-adapter does it, and then has the expected shape', async () => {
    const [pool, stock] = [(await createDatabase()).pool(), (await createDatabase()).pool()];
    await createStockTable(stock, 'typeorm-adapter');
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const before = await tableOf(pool);
    await casbinRule('casbin_rule').up(db);
    await casbinRule('casbin_rule').up(db);
    expect(await shapeOf(pool)).toEqual(await shapeOf(stock));
    const [future, present] = [before, await tableOf(pool)];
    expect(future.columns('row')).toBe(present.columns('row'));
    expect(future.identity).toBe(present.identity);
  });

  test('is made under whatever name it is given', async () => {
    const pool = (await createDatabase()).pool();
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const name = 'my.rules"; drop table x; --';
    await casbinRule(name).up(db);
    expect(await findRuleTable(pool, undefined, { name })).toMatchObject({
      isMissing: false,
      table: { name, schema: 'public', layout: 'columns' },
    });
  });
});
