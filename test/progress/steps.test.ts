import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import type { StoredRule } from '../../src/casbin/rule-row.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { findDiffering } from '../../src/verification/compare.ts';
import { createDecider } from '../../src/verification/decide.ts';
import { collectPromises } from '../../src/verification/promises.ts';
import { modelText } from '../casbin/models.fixture.ts';

/** More requests than are decided one by one: 100 roles and nobody × 150 permissions. */
const rules = Array.from({ length: 150 }, (_, n) => {
  return { ptype: 'p', values: [`role${n % 100}`, `data${n}`, 'read'] };
});
const written = { deny: [['nobody', 'data0', 'read']], never: [['role1', 'data0', 'read']] };

/** The same of few roles, whose requests are decided in another order: two roles and nobody × 300 permissions. */
const wideRules = Array.from({ length: 300 }, (_, n) => {
  return { ptype: 'p', values: [`role${n % 2}`, `data${n}`, 'read'] };
});

/** What a step told, which must grow, and end once and with all of it. */
function expectWhole(told: readonly (readonly [number, number | undefined])[]) {
  const done = told.map(([count]) => count);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(told.filter(([count, total]) => count >= (total ?? 0))).toEqual([[101 * 150 + 1, 101 * 150 + 1]]);
}

test('the verification of a matrix that is decided in part counts all of it', async () => {
  const model = newModelFromString(modelText());
  const options = { configureEnforcer: undefined, sampleSize: 10 };
  const { expectations } = await collectPromises(model, new RuleSet(rules), written, options);
  const live: StoredRule[] = rules.slice(1).map((rule, id) => ({ id, ...rule }));
  const told: [number, number | undefined][] = [];

  const report = (done: number, total?: number) => told.push([done, total]);
  await findDiffering(await createDecider(model, live), expectations, report);

  expectWhole(told);
});

test.each([
  ['', rules, 101 * 150],
  [' of few roles', wideRules, 3 * 300],
])('so does the check of a definition%s', async (_, given, size) => {
  const model = newModelFromString(modelText());
  const told: [number, number | undefined][] = [];

  await collectPromises(model, new RuleSet(given), written, {
    configureEnforcer: undefined,
    sampleSize: 10,
    report: (done, total) => told.push([done, total]),
  });

  expect(told.at(-1)).toEqual([size, size]);
  expect(told.filter(([done, total]) => done >= (total ?? 0))).toHaveLength(1);
  const grown = told.map(([done]) => done);
  expect(grown).toEqual(grown.toSorted((a, b) => a - b));
  expect(new Set(grown).size).toBe(given.length + 1);
});
