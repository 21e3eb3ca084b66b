import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { reachableScope, type Scope } from '../casbin/scope.ts';
import { rememberLast } from '../collections.ts';
import type { BootstrapOptions, VerifyOptions } from '../options.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { placeIn } from '../policy/place.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { ProgressReporter } from '../progress.ts';
import { NO_EXPECTATIONS } from '../verification/expectations.ts';
import { type DecidedPromises, type Promises, readPromises } from '../verification/promises.ts';
import { NOT_VERIFIED } from '../verification/verify.ts';

/** What a definition promises, and which stored rules that can depend on. */
export interface ResolvedPromises extends Pick<Promises, 'listed' | 'problems'> {
  /** What to read of a large table. Found out when it is asked for. */
  reach(): Scope;
  /** How the definition decides. Found out when it is first asked for, and once. */
  decide(): Promise<DecidedPromises>;
}

/** Deciding them takes as long as verifying them. */
const NO_PROMISES: Promises = {
  listed: [],
  problems: [],
  valuesAt: () => new Set(),
  decide: async () => ({
    expectations: NO_EXPECTATIONS,
    coverage: NOT_VERIFIED.coverage,
    warnings: [],
  }),
};

function withReach(
  model: Model,
  { rules }: RuleSet,
  read: Promises,
  progress: ProgressReporter,
): ResolvedPromises {
  let decided: Promise<DecidedPromises> | undefined;
  return {
    ...read,
    reach: rememberLast(() => reachableScope(model, rules, read.valuesAt)),
    decide() {
      decided ??= read.decide(progress.start('check', rules.length));
      return decided;
    },
  };
}

/** What is longer, as text, is not remembered, for the room it takes. */
const SHORT = 100_000;

/** The last definition that was found sound: tests and tools bootstrap many databases by one. */
let last: { readonly key: string; readonly promises: ResolvedPromises } | null = null;

/**
 * What the definition promises, where the last one that was found sound has the same rules and expectations in the same
 * model. A definition may hold more than that, such as a role without permissions, so the rest is checked each time.
 */
export function recallPromises(
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
): ResolvedPromises | null {
  const key = promisesKey(model, definition, defined, options);
  return key !== null && last?.key === key ? copyOf(last.promises) : null;
}

/** What the definition promises; it is checked against that itself, before any database is. */
export async function resolvePromises(
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
  progress: ProgressReporter,
): Promise<ResolvedPromises> {
  const { verify, configureEnforcer } = options;
  if (verify === false) return withReach(model, defined, NO_PROMISES, progress);
  const read = await readPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    placeOfRule: (rule) => defined.rules[defined.indexOf(rule)]?.at,
  });
  const promises = withReach(model, defined, read, progress);
  // What the application brings may fail, and its enforcers may share what they were given: not beside other work.
  if (configureEnforcer !== undefined) await promises.decide();
  return promises;
}

/**
 * Remembers what a definition promises in which nothing is wrong, for {@link recallPromises}.
 *
 * @returns the same for the caller, who may change what is in it
 */
export function rememberPromises(
  promises: ResolvedPromises,
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
): ResolvedPromises {
  const key = promisesKey(model, definition, defined, options);
  if (key === null) return promises;
  last = { key, promises };
  return copyOf(promises);
}

/**
 * What a definition promises without some of its rules, which stay away: of `allow`, `deny` and `samples`, what the others
 * still keep. What must never be allowed must not be allowed then either.
 */
export async function resolveWithout(
  { model, definition, verify, configureEnforcer, progress }: KeptPart,
  defined: RuleSet<DefinedRule>,
): Promise<ResolvedPromises> {
  if (verify === null) return withReach(model, defined, NO_PROMISES, progress);
  const read = await readPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    contradicted: 'dropped',
  });
  return withReach(model, defined, read, progress);
}

/** Of resolved options, what it takes to find out what is expected. */
interface KeptPart {
  readonly model: Model;
  readonly definition: PolicyDefinition;
  readonly verify: VerifyOptions | null;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly progress: ProgressReporter;
}

/** With a coverage and warnings of its own, as the report that the caller gets holds them. */
function copyOf(promises: ResolvedPromises): ResolvedPromises {
  return {
    ...promises,
    async decide() {
      const { expectations, coverage, warnings } = await promises.decide();
      return { expectations, coverage: structuredClone(coverage), warnings: structuredClone(warnings) };
    },
  };
}

/**
 * All that the promises depend on, as the caller may change any of it between two bootstraps; null when that is
 * much. By its parts: a definition may be an object of some class, which shows nothing of itself as JSON.
 */
function promisesKey(
  model: Model,
  { samples = [], allow = [], deny = [], never = [] }: PolicyDefinition,
  { rules }: RuleSet<DefinedRule>,
  { verify, configureEnforcer }: BootstrapOptions,
): string | null {
  if (verify === false || configureEnforcer !== undefined) return null;
  const listed = [samples, allow, deny, never];
  if (listed.reduce((sum, { length }) => sum + length, rules.length) > SHORT / 100) return null;
  const sections = [...model.model].map(([section, assertions]) => [
    section,
    [...assertions].map(([key, { value }]) => [key, value]),
  ]);
  const key = JSON.stringify([sections, rules.map(({ ptype, values }) => [ptype, values]), listed]);
  return key.length > SHORT ? null : key;
}
