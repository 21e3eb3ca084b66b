import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { useDatabase } from '../support/database.ts';
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
});
