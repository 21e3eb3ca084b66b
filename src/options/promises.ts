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
  problems: [],
};

/** What has more rules is not remembered, for the room it takes. */
const FEW = 1_000;

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
  const isRemembered = configureEnforcer === undefined && defined.rules.length <= FEW;
  const key = isRemembered ? keyOf(model, definition) : '';
  if (isRemembered && last?.key === key) return last.promises;
  const promises = await collectPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    report: progress.start('check', defined.rules.length),
  });
  if (isRemembered && promises.problems.length === 0) last = { key, promises };
  return promises;
}

/** All that the promises depend on: both may be changed by the caller after one bootstrap and before the next. */
function keyOf(model: Model, definition: PolicyDefinition): string {
  const sections = [...model.model].map(([section, assertions]) => [
    section,
    [...assertions].map(([key, { value }]) => [key, value]),
  ]);
  return JSON.stringify([sections, definition]);
}
