import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { createDatabase, useDatabase } from '../support/database.ts';
import { storedRules, untilWaiting } from './rule-table.fixture.ts';
import { createStockTable } from './stock-tables.fixture.ts';

const ADAPTERS = ['typeorm-adapter', 'gorm-adapter of Go', 'xorm-adapter of Go'] as const;

describe.each(ADAPTERS)('in the table of %s', (stock) => {
  const database = useDatabase();
  const pool = database.pool({ max: 16 });
  const adapter = createAdapter(pool);

  beforeAll(() => createStockTable(pool, stock));
  beforeEach(() => pool.query('truncate casbin_rule'));

  test('a rule is removed by some of its values while somebody else changes another of them', async () => {
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
});

test('a rule whose new id is taken is not passed over in silence', async () => {
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

test('a unique index over whole rules lets those pass that somebody else has just stored', async () => {
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
