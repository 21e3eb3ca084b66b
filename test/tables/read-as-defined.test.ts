import fc from 'fast-check';
import { Kysely, PostgresDialect } from 'kysely';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StoredRule } from '../../src/casbin/rule-row.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { readLivePolicy } from '../../src/tables/live-policy.ts';
import { readAsDefined } from '../../src/tables/read-as-defined.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { inTransaction } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();
const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
const [layout, columns] = LAYOUTS;

const COUNT = 1_000;
const plain = Array.from({ length: COUNT }, (_, n) => ({
  ptype: n % 9 === 0 ? 'g' : 'p',
  values: [`role${n % 10}`, `data${n}`],
}));

beforeAll(() => createLayouts(pool));

beforeEach(async () => {
  await pool.query('truncate casbin, casbin_rule restart identity');
});

async function seed(rules: readonly { ptype: string; values: readonly string[] }[]): Promise<void> {
  await inTransaction(pool, (client) => seedRules(client, layout.ruleTable, rules));
}

function read(rules = plain, table = layout.ruleTable): Promise<StoredRule[] | null> {
  return db.transaction().execute((trx) => readAsDefined(trx, table, rules));
}

function readRows(): Promise<StoredRule[]> {
  return db.transaction().execute((trx) => readLivePolicy(trx, layout.ruleTable, { kind: 'whole' }));
}

test('a table of the defined rules is read as its rows are, whatever their values hold', async () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.string({
      unit: fc.constantFrom(
        '"',
        '\\',
        '\n',
        '\t',
        '\u0001',
        '\u007f',
        '\u0085',
        '\u2028',
        'é',
        '𝄞',
        ',',
        ' ',
      ),
      maxLength: 6,
    }),
  );
  const storable = value.filter((text) => !text.includes('\0') && text.isWellFormed());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(storable, { minLength: 1, maxLength: 4 }), { minLength: 20, maxLength: 60 }),
      async (lists) => {
        const rules = Array.from({ length: COUNT }, (_, n) => ({
          ptype: n % 2 === 0 ? 'p' : 'g2',
          values: [`${n}`, ...(lists[n % lists.length] ?? [])],
        }));
        await pool.query('truncate casbin restart identity');
        await seed(rules);

        expect(await read(rules)).toEqual(await readRows());
      },
    ),
    { numRuns: 15 },
  );
});

test('ids may begin anywhere', async () => {
  await pool.query(`select setval('casbin_id_seq', 2000000000)`);
  await seed(plain);

  expect(await read()).toEqual(await readRows());
});

test('rows may lie anywhere', async () => {
  await seed(plain);
  await pool.query('update casbin set ptype = ptype where id in (7, 500)');

  expect(await read()).toEqual(await readRows());
});

describe('the rows have to be read', () => {
  beforeEach(() => seed(plain));

  test.each([
    [
      'a value is another one',
      `update casbin set rule = jsonb_set(rule, '{1}', '"data502x"') where id = 502`,
    ],
    [
      'a value goes on',
      `update casbin set rule = jsonb_set(rule, '{1}', to_jsonb(repeat('data', 5000))) where id = 502`,
    ],
    ['a rule has one value more', `update casbin set rule = rule || '["allow"]' where id = 502`],
    ['a rule has one value less', `update casbin set rule = rule - 1 where id = 502`],
    ['a value is no text', `update casbin set rule = jsonb_set(rule, '{1}', '501') where id = 502`],
    ['a row is no list', `update casbin set rule = to_jsonb(rule::text) where id = 502`],
    ['a ptype is another one', `update casbin set ptype = 'p2' where id = 502`],
    ['a ptype ends a line', `update casbin set ptype = e'p\\n' where id = 502`],
    ['a rule is missing', 'delete from casbin where id = 1000'],
    ['a rule was added', `insert into casbin (ptype, rule) values ('p', '["role1", "data"]')`],
    [
      'a rule was added in the place of one',
      `with gone as (delete from casbin where id = 502 returning id)
       insert into casbin (id, ptype, rule) select id, 'p', '["role1", "data"]' from gone`,
    ],
    [
      'two rules have changed their places',
      `update casbin set id = case id when 501 then 2502 when 502 then 501 else id end where id in (501, 502);
       update casbin set id = 502 where id = 2502`,
    ],
    ['ids leave one out', 'update casbin set id = 2000 where id = 1000'],
  ])('where %s', async (_, change) => {
    expect(await read()).not.toBeNull();
    await pool.query(change);

    expect(await read()).toBeNull();
  });

  test('where a definition has other rules', async () => {
    expect(await read(plain.toReversed())).toBeNull();
    expect(await read(plain.map((rule, n) => (n === 5 ? { ...rule, values: [] } : rule)))).toBeNull();
  });

  test('where a ptype is no name', async () => {
    const unusual = plain.map((rule, n) => (n === 5 ? { ...rule, ptype: 'p ' } : rule));
    await pool.query(`update casbin set ptype = 'p ' where id = 6`);
    expect((await readRows())[5]?.ptype).toBe('p ');
    expect(await read(unusual)).toBeNull();
  });

  test('of few rules, and of columns', async () => {
    await pool.query('delete from casbin where id = 1000');
    expect(await read(plain.slice(0, -1))).toBeNull();
    await inTransaction(pool, (client) => seedRules(client, columns.ruleTable, plain));
    expect(await read(plain, columns.ruleTable)).toBeNull();
  });
});
