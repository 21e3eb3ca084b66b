import { fileURLToPath } from 'node:url';
import { type Enforcer, FileAdapter, newEnforcer } from 'casbin';
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  createEnforcer,
  createLiveEnforcer,
  loadPolicyFile,
  verifyDatabase,
} from '../../../src/index.ts';
import { createDatabase } from '../../support/database.ts';
import { EXAMPLES, type Example, requestsOf } from './grids.fixture.ts';

describe.for(EXAMPLES)('Casbin’s $name', (example) => {
  test('is seeded from its CSV, and decides as a stock enforcer on the same file', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const options = await optionsOf(example);
    const expected = await decide(await stockEnforcer(example), requestsOf(example));
    expect(new Set(expected)).toEqual(new Set([true, false]));

    const { verification } = await bootstrapDatabase(pool, options);

    expect(verification).toMatchObject({ ok: true, failures: [], drift: [] });
    const idle = verification.coverage.uncovered.map((rule) => rule.join(', '));
    expect(idle).toEqual(example.idle ?? []);
    expect(await decide(await createEnforcer(pool, options), requestsOf(example))).toEqual(expected);
    await using live = await createLiveEnforcer(pool, options);
    expect(await decide(live, requestsOf(example))).toEqual(expected);
    expect(await decideByStockAdapter(database.url, example)).toEqual(expected);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
  });

  test('fails its verification for each missing rule', async () => {
    const pool = (await createDatabase()).pool();
    const options = await optionsOf(example);
    await bootstrapDatabase(pool, options);
    const { rows } = await pool.query('select id, ptype, rule from casbin order by id');

    for (const { id, ptype, rule } of rows) {
      await pool.query('delete from casbin where id = $1', [id]);
      const { ok, failures } = await verifyDatabase(pool, options);
      expect(ok).toBe(false);
      expect(failures[0]).toMatchObject({ kind: 'missing-rule', rule: [ptype, ...rule] });
      await pool.query('insert into casbin values ($1, $2, $3)', [id, ptype, JSON.stringify(rule)]);
    }
  });
});

async function optionsOf(example: Example) {
  const policy = await loadPolicyFile(pathOf(example, 'csv'));
  const { configureEnforcer } = example;
  return {
    model: pathOf(example, 'conf'),
    policy: { ...policy, samples: requestsOf(example) },
    seeders: [],
    ...(configureEnforcer && { configureEnforcer }),
  };
}

async function stockEnforcer(example: Example): Promise<Enforcer> {
  const adapter = new FileAdapter(pathOf(example, 'csv'));
  const enforcer = await newEnforcer(pathOf(example, 'conf'), adapter);
  await example.configureEnforcer?.(enforcer);
  return enforcer;
}

/** As an application without this library reads what was seeded. */
async function decideByStockAdapter(connectionString: string, example: Example): Promise<boolean[]> {
  const adapter = await PostgresAdapter.newAdapter({ connectionString });
  try {
    const enforcer = await newEnforcer(pathOf(example, 'conf'), adapter);
    await example.configureEnforcer?.(enforcer);
    return await decide(enforcer, requestsOf(example));
  } finally {
    await adapter.close();
  }
}

async function decide(enforcer: Enforcer, requests: readonly string[][]): Promise<boolean[]> {
  const decisions: boolean[] = [];
  for (const request of requests) decisions.push(await enforcer.enforce(...request));
  return decisions;
}

function pathOf({ name }: Example, ending: 'conf' | 'csv'): string {
  return fileURLToPath(new URL(`examples/${name}.${ending}`, import.meta.url));
}
