import { newModelFromString } from 'casbin';
import { expect } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile.ts';
import { RuleSet } from '../../../src/policy/rule-set.ts';
import type { Layout } from '../../../src/tables/rule-table.ts';
import { collectPromises } from '../../../src/verification/promises.ts';
import type { VerificationReport } from '../../../src/verification-report.ts';
import type { Subject } from './definitions.fixture.ts';
import { keyOf, type Mutation, type Row } from './mutations.fixture.ts';
import { decideGrid, gridOf, hasCircle, readStock } from './truth.fixture.ts';

/** Whether a mutation was reported, or changes no decision at all. */
export type Outcome = 'caught' | 'harmless';

/**
 * Makes a function that compares what was reported of a mutation with what is the case, by plain enforcers and
 * Casbin's own loader. It fails the test where the two differ.
 */
export async function makeComparison({ modelText, policy }: Subject, layout: Layout) {
  const rules = compilePolicy(policy);
  const defined = new Set(rules.map(keyOf));
  const grid = gridOf(modelText, rules);
  const before = await decideGrid(modelText, rules, grid);
  const model = newModelFromString(modelText);
  const { expectations } = await collectPromises(model, new RuleSet(rules), policy, {
    configureEnforcer: undefined,
  });
  const expected = new Set([...expectations].map(({ request }) => request.join()));
  const never = new Set(policy.never?.map((request) => request.join()));

  return async ({ what, rows }: Mutation, report: VerificationReport): Promise<Outcome> => {
    const live = new Set(rows.map(keyOf));
    const missing = [...defined].filter((key) => !live.has(key));
    const added = rows.filter((row) => !defined.has(keyOf(row))).map(keyOf);
    expect(missingIn(report), what).toEqual(missing);
    expectReadings(what, modelText, layout, rows, report);
    if (missing.length > 0) expect(report.ok, what).toBe(false);
    if (hasCircle(modelText, rows)) {
      expect(report, what).toMatchObject({ ok: false, checks: 0 });
      expect(failuresOf(report), what).toContainEqual(expect.stringContaining('in a circle'));
      return 'caught';
    }
    const after = await decideMutated(modelText, rows, grid);
    const changed = grid.filter((_, index) => before[index] !== after[index]);
    const drifting = report.drift.map(({ request }) => request.join());
    const failing = report.failures.map(({ request }) => request.join());
    if (report.checks > 0) {
      for (const request of changed.map((values) => values.join())) {
        if (expected.has(request)) expect([...drifting, ...failing], what).toContain(request);
        if (never.has(request)) expect(kindOf(report, request), what).toBe('never');
        else if (missing.length === 0 && added.length > 0 && expected.has(request)) {
          expect(drifting, what).toContain(request);
        }
      }
    }
    if (missing.length === 0 && added.length > 0) expectNamed(what, added, changed.length, report);
    const caught = !report.ok || report.drift.length > 0 || report.integrity.length > 0;
    if (!caught) expect(changed, `${what} is not reported`).toEqual([]);
    return caught ? 'caught' : 'harmless';
  };
}

const decided = new Map<string, string[]>();

/** The same for the other layout, whose mutations are the same. */
async function decideMutated(
  modelText: string,
  rows: readonly Row[],
  grid: readonly (readonly string[])[],
): Promise<string[]> {
  const key = JSON.stringify([modelText, rows.map(keyOf)]);
  const known = decided.get(key);
  const decisions = known ?? (await decideGrid(modelText, rows, grid));
  decided.set(key, decisions);
  return decisions;
}

function missingIn({ failures }: VerificationReport): string[] {
  return failures.filter(({ kind }) => kind === 'missing-rule').map(({ rule }) => JSON.stringify(rule));
}

function failuresOf({ integrity }: VerificationReport): string[] {
  return integrity.filter(({ severity }) => severity === 'failure').map(({ message }) => message);
}

function kindOf({ failures }: VerificationReport, request: string): string | undefined {
  return failures.find((failure) => failure.request.join() === request)?.kind;
}

/** What only was added fails nothing but a `never` or what is stored itself, and is named wherever it shows. */
function expectNamed(
  what: string,
  added: readonly string[],
  changes: number,
  report: VerificationReport,
): void {
  const kinds = new Set(report.failures.map(({ kind }) => kind));
  expect(
    [...kinds].filter((kind) => kind !== 'never'),
    what,
  ).toEqual([]);
  const named = report.drift.flatMap((finding) => finding.added.map((rule) => JSON.stringify(rule)));
  const violators = report.failures.flatMap((failure) => failure.added.map((rule) => JSON.stringify(rule)));
  if (report.drift.length > 0)
    expect([...named, ...violators], what).toEqual(expect.arrayContaining([...added]));
  else if (report.failures.length === 0 && report.integrity.length === 0) expect(changes, what).toBe(0);
  for (const finding of report.drift) expect(finding.added, what).not.toEqual([]);
  for (const finding of report.failures) expect(finding.added, what).not.toEqual([]);
}

/** Each row that Casbin's loader can't read, or reads otherwise, is a warning by its id: none of them is defined. */
function expectReadings(
  what: string,
  modelText: string,
  layout: Layout,
  rows: readonly Row[],
  { integrity }: VerificationReport,
): void {
  const known = rows.filter(({ ptype }) => !ptype.endsWith('9'));
  const warned = known.map((row) => [
    keyOf(row),
    integrity
      .filter(({ message, ids }) => ids.includes(row.id) && /loader|stock adapter/.test(message))
      .map(({ severity }) => severity),
  ]);
  const severities = { same: [], other: ['warning'], throws: ['warning'] };
  const expected = known.map((row) => [keyOf(row), severities[readStock(modelText, row, layout)]]);
  expect(warned, what).toEqual(expected);
}
