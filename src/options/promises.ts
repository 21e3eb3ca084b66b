import type { Model } from 'casbin';
import type { BootstrapOptions } from '../options.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { placeIn } from '../policy/place.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { ProgressReporter } from '../progress.ts';
import { NO_EXPECTATIONS } from '../verification/expectations.ts';
import { collectPromises, type Promises } from '../verification/promises.ts';
import { NOT_VERIFIED } from '../verification/verify.ts';

/** Deciding them takes as long as verifying them. */
const NO_PROMISES: Promises = {
  expectations: NO_EXPECTATIONS,
  coverage: NOT_VERIFIED.coverage,
  warnings: [],
  problems: [],
};

/** What is longer, as text, is not remembered, for the room it takes. */
const SHORT = 100_000;

/** The last definition that kept its promises: tests and tools bootstrap many databases by one. */
let last: { readonly key: string; readonly promises: Promises } | null = null;

/** What the definition promises; it is judged against that itself, before any database is. */
export async function resolvePromises(
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  { verify, configureEnforcer }: BootstrapOptions,
  progress: ProgressReporter,
): Promise<Promises> {
  if (verify === false) return NO_PROMISES;
  const key = configureEnforcer === undefined ? keyOf(model, definition, defined) : null;
  if (key !== null && last?.key === key) return copyOf(last.promises);
  const promises = await collectPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    report: progress.start('check', defined.rules.length),
  });
  if (key !== null && promises.problems.length === 0) last = { key, promises: copyOf(promises) };
  return promises;
}

/** With a coverage and warnings of its own, as the report that the caller gets holds them. */
function copyOf(promises: Promises): Promises {
  return {
    ...promises,
    coverage: structuredClone(promises.coverage),
    warnings: structuredClone(promises.warnings),
  };
}

/**
 * All that the promises depend on, as the caller may change any of it between two bootstraps; null when that is
 * much. By its parts: a definition may be an object of some class, which shows nothing of itself as JSON.
 */
function keyOf(
  model: Model,
  { samples = [], allow = [], deny = [], never = [] }: PolicyDefinition,
  { rules }: RuleSet<DefinedRule>,
): string | null {
  const listed = [samples, allow, deny, never];
  if (listed.reduce((sum, { length }) => sum + length, rules.length) > SHORT / 100) return null;
  const sections = [...model.model].map(([section, assertions]) => [
    section,
    [...assertions].map(([key, { value }]) => [key, value]),
  ]);
  const key = JSON.stringify([sections, rules.map(({ ptype, values }) => [ptype, values]), listed]);
  return key.length > SHORT ? null : key;
}
