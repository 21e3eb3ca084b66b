import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { reachableScope, type Scope } from '../casbin/scope.ts';
import { rememberLast } from '../collections.ts';
import type { BootstrapOptions, VerifyOptions } from '../options.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { ProgressReporter } from '../progress.ts';
import { NO_EXPECTATIONS } from '../verification/expectations.ts';
import { type DecidedPromises, type Promises, readPromises } from '../verification/promises.ts';
import { NOT_VERIFIED } from '../verification/verify-policy.ts';

/** What a definition promises, and which stored rules these promises can depend on. */
export interface ResolvedPromises extends Pick<Promises, 'listed' | 'problems'> {
  /** What to read of a large table. Computed when it is needed. */
  reach(): Scope;
  /** The decisions of the definition. Computed once, when they are first needed. */
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

/** The longest key, as text, that is remembered, to limit the memory. */
const SHORT = 100_000;

/** The last definition without problems: tests and tools bootstrap many databases with one definition. */
let last: { readonly key: string; readonly promises: ResolvedPromises } | null = null;

/**
 * Returns the remembered promises, if the last definition without problems had the same rules and expectations, and the
 * same model. The other parts of a definition, such as a role without permissions, are checked each time.
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

/** Finds what the definition promises, and checks the definition itself against it, without a database. */
export async function resolvePromises(
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
  progress: ProgressReporter,
): Promise<ResolvedPromises> {
  const { verify, configureEnforcer } = options;
  if (verify === false) return withReach(model, defined, NO_PROMISES, progress);
  const read = await readPromises(model, defined, definition, { configureEnforcer });
  const promises = withReach(model, defined, read, progress);
  // Functions of the application may fail, and its enforcers may share objects, so this does not run beside other work.
  if (configureEnforcer !== undefined) await promises.decide();
  return promises;
}

/**
 * Remembers the promises of a definition without problems, for {@link recallPromises}.
 *
 * @returns a copy for the caller, which the caller may change
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
 * The promises of a definition without some of its rules, which stay away: the requests of `allow`, `deny` and
 * `samples` that the other rules still decide as expected. Requests of `never` must still be denied.
 */
export async function resolveWithout(
  { model, definition, verify, configureEnforcer, progress }: KeptPart,
  defined: RuleSet<DefinedRule>,
): Promise<ResolvedPromises> {
  if (verify === null) return withReach(model, defined, NO_PROMISES, progress);
  const read = await readPromises(model, defined, definition, {
    configureEnforcer,
    contradicted: 'dropped',
  });
  return withReach(model, defined, read, progress);
}

/** The resolved options that the promises depend on. */
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
 * A text of everything that the promises depend on, because the caller may change it between two bootstraps; null if it
 * is too long. It is made part by part, because a definition may be an object of a class that JSON does not show.
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
