import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Rule } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { countRules, inTransaction, manyRules, untilWaiting } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool({ max: 8 });

beforeAll(async () => {
  await createLayouts(pool);
  await pool.query('create schema other');
  await createLayouts(pool, 'other');
});

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

/** The advisory locks that the transaction of the client holds. */
async function countLocks(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::int as count from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
  );
  return rows[0].count;
}

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  const adapter = createAdapter(pool, layout.options);

  beforeEach(() => pool.query(`truncate ${layout.table}, other.${layout.table} restart identity`));

  const add = (values: string[][]) => adapter.addPolicies('p', 'p', values);

  const seed = (values: string[][]) => {
    const rules = values.map((rule): Rule => ({ ptype: 'p', values: rule }));
    return inTransaction(pool, (client) => seedRules(client, layout.ruleTable, rules));
  };

  describe.each([
    { count: 3, how: 'a few rules' },
    { count: 64, how: 'as many rules as are locked one by one' },
    { count: 65, how: 'one rule more' },
    { count: 500, how: 'many rules' },
  ])('these insert $how in opposite orders, and do not deadlock:', ({ count }) => {
    const rules = manyRules(count);
    const half = Math.floor(count / 2);
    const middle = rules[half] ?? [];
    // In documents, who knows of no lock of ours. Nobody waits for such a one in columns.
    const strange = (obstacle: pg.PoolClient) =>
      layout.name === 'document'
        ? layout.insert(obstacle, ['p', ...middle])
        : createAdapter(obstacle, layout.options).addPolicy('p', 'p', middle);

    test('two writers that add them', async () => {
      await besides(strange, () => [add(rules), add(rules.toReversed())]);
      expect(await countRules(pool, layout.table)).toBe(count);
    });

    test('two writers that add them while a third has just added one of them', async () => {
      const alike = (obstacle: pg.PoolClient) =>
        createAdapter(obstacle, layout.options).addPolicies('p', 'p', [middle, ['x']]);
      await besides(alike, () => [add(rules), add(rules.toReversed())]);
      expect(await countRules(pool, layout.table)).toBe(count);
    });

    test('a writer that adds them and one that seeds them', async () => {
      await besides(strange, () => [add(rules), seed(rules.toReversed())]);
      expect(await countRules(pool, layout.table)).toBe(count);
    });

    test('a writer that adds a few of them and one that seeds all', async () => {
      await besides(strange, () => [add([rules.at(-1) ?? [], middle, rules[half - 1] ?? []]), seed(rules)]);
      expect(await countRules(pool, layout.table)).toBe(count);
    });

    test('a writer that adds them and one that saves them', async () => {
      const model = rbacModel();
      model.addPolicies('p', 'p', rules.toReversed());
      await besides(strange, () => [add(rules), adapter.savePolicy(model)]);
      expect(await countRules(pool, layout.table)).toBe(count);
    });
  });

  test('adding many rules takes few locks', async () => {
    await inTransaction(pool, async (client) => {
      await createAdapter(client, layout.options).addPolicies('p', 'p', manyRules(1_000));
      expect(await countLocks(client)).toBe(1);
    });
  });

  test.each([2, 100])(
    'a transaction that has added %i rules keeps nobody from adding the same to another table',
    async (count) => {
      const rules = manyRules(count);
      await inTransaction(pool, async (client) => {
        await createAdapter(client, layout.options).addPolicies('p', 'p', rules);
        await createAdapter(pool, { ...layout.options, schema: 'other' }).addPolicies('p', 'p', rules);
        expect(await countRules(pool, `other.${layout.table}`)).toBe(count);
      });
    },
  );
});

describe('in a table of layout document', () => {
  const { options, ruleTable } = LAYOUTS[0];

  beforeEach(() => pool.query('truncate casbin restart identity'));

  test('adding one rule, or nothing new, takes no lock that others wait for', async () => {
    await createAdapter(pool, options).addPolicies('p', 'p', [['a'], ['b']]);
    await inTransaction(pool, async (client) => {
      const own = createAdapter(client, options);
      await own.addPolicy('p', 'p', ['c']);
      await own.addPolicies('p', 'p', [['a'], ['b'], ['d']]);
      await own.addPolicies('p', 'p', [['b'], ['a']]);
      expect(await countLocks(client)).toBe(0);
    });
  });

  test('a transaction that has added a few rules does not block others from adding different ones', async () => {
    await inTransaction(pool, async (client) => {
      await createAdapter(client, options).addPolicies('p', 'p', [['a'], ['b']]);
      await createAdapter(pool, options).addPolicies('p', 'p', [['c'], ['d']]);
      await inTransaction(pool, (other) => seedRules(other, ruleTable, [{ ptype: 'p', values: ['e'] }]));
      expect(await countRules(pool, 'casbin')).toBe(3);
    });
  });
});

describe('in a table of layout columns', () => {
  const { options, ruleTable } = LAYOUTS[1];
  const seed = () =>
    inTransaction(pool, async (other) => {
      const { inserted } = await seedRules(other, ruleTable, [{ ptype: 'p', values: ['e'] }]);
      return inserted;
    });

  beforeEach(() => pool.query('truncate casbin_rule restart identity'));

  test('adding a rule makes writers of the same rule wait, and no writers of others', async () => {
    let waiting: Promise<void> | undefined;
    await inTransaction(pool, async (client) => {
      await createAdapter(client, options).addPolicy('p', 'p', ['a']);
      await createAdapter(pool, options).addPolicies('p', 'p', [['b'], ['c']]);
      waiting = createAdapter(pool, options).addPolicy('p', 'p', ['a']);
      await untilWaiting(pool, 1);
    });
    await waiting;
    expect(await countRules(pool, 'casbin_rule')).toBe(3);
  });

  test('seeding a rule waits for writers that have added any, and these add others after it', async () => {
    let seeding: Promise<readonly Rule[]> | undefined;
    await inTransaction(pool, async (client) => {
      await createAdapter(client, options).addPolicy('p', 'p', ['e']);
      seeding = seed();
      await untilWaiting(pool, 1);
    });
    expect(await seeding).toEqual([]);
    expect(await countRules(pool, 'casbin_rule')).toBe(1);
  });

  test('seeding stored rules does not wait for others', async () => {
    await createAdapter(pool, options).addPolicy('p', 'p', ['e']);
    await inTransaction(pool, async (client) => {
      await createAdapter(client, options).addPolicy('p', 'p', ['a']);
      expect(await seed()).toEqual([]);
    });
  });
});
