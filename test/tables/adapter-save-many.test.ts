import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModelWith } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { LAYOUTS } from './layouts.fixture.ts';
import { fingerprint, manyRules, storedRules, unindexableValue } from './rule-table.fixture.ts';

/** More than one statement has parameters for, and four portions. */
const MANY = 40_000;

const database = useDatabase();
const pool = database.pool();

it.each(LAYOUTS)(
  'saves 40,000 rules, and keeps them when the next save fails on its last rule, in a table of layout $name',
  async (layout) => {
    await layout.create(pool);
    const adapter = createAdapter(pool, layout.options);
    const rules = manyRules(MANY);
    await adapter.savePolicy(rbacModelWith(rules));
    expect(
      isDeepStrictEqual(
        await storedRules(pool, layout.table),
        rules.map((rule) => ['p', ...rule]),
      ),
    ).toBe(true);
    const saved = await fingerprint(pool, layout.table);
    const spoilt = [...rules.toReversed(), [unindexableValue()]];
    await expect(adapter.savePolicy(rbacModelWith(spoilt))).rejects.toMatchObject({ code: 'RULE_TOO_LONG' });
    expect(await fingerprint(pool, layout.table)).toBe(saved);
  },
  180_000,
);
