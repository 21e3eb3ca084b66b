import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { collectConjuncts, collectNames, evaluatesRules, isRoleDefinition } from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { formatRule, formatText, type Rule, ruleKey, toLine, toRule } from '../policy/rule.ts';
import type { Coverage, VerificationWarning } from '../verification-report.ts';
import { findMisspeltRoles } from './misspelt-names.ts';

/** Warns of what a verification by these expectations does not prove, although a reader may believe that it does. */
export function findWarnings(
  model: Model,
  rules: readonly Rule[],
  { checks, coverage, configureEnforcer }: Proof,
): VerificationWarning[] {
  if (rules.length === 0) return [];
  const opposed = findOpposed(model, rules);
  const misspelt = findMisspeltRoles(model, rules, configureEnforcer);
  const told = [...opposed, ...misspelt.map((one) => one.rule)];
  return [
    ...(checks === 0 ? [warnOfNothing(rules)] : warnOfUncovered(coverage, told)),
    ...warnOfOpposed(opposed),
    ...warnOfMisspelt(misspelt),
    ...warnOfContexts(model, rules),
    ...warnOfWildcards(model, rules, configureEnforcer),
  ];
}

/** The decisions that were made on a definition. */
interface Proof {
  /** How many requests. */
  readonly checks: number;
  readonly coverage: Coverage;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
}

function warnOfNothing(rules: readonly Rule[]): VerificationWarning {
  const what = `No decision was verified: no requests follow from ${rules.length === 1 ? 'the defined rule' : `the ${rules.length} defined rules`} in this model.`;
  return createWarning('NOTHING_VERIFIED', rules, `${what} Write some under samples, allow, deny or never.`);
}

/** Rules of another ptype than `p`, and those of `others`, have a warning of their own. */
function warnOfUncovered({ uncovered }: Coverage, others: readonly Rule[]): VerificationWarning[] {
  const told = new Set(others.map(ruleKey));
  const rules = uncovered.map(toRule).filter((rule) => !isOfContext(rule.ptype) && !told.has(ruleKey(rule)));
  if (rules.length === 0) return [];
  const them = rules.length === 1 ? 'it' : 'them';
  const message = `${countRules(rules, 'decided')} no request, so nothing was proved about ${them}: ${listRules(rules)}. Write requests that depend on ${them} under samples, allow, deny or never, or remove ${them} if other rules already decide the same.`;
  return [createWarning('RULES_NOT_COVERED', rules, message)];
}

/** Pairs of rules with the same values and different effects. */
function findOpposed(model: Model, rules: readonly Rule[]): Rule[] {
  const effect = tokensOf(model, 'p').indexOf('eft');
  if (effect === -1) return [];
  const opposite = { allow: 'deny', deny: 'allow' } as const;
  const first = new Map<string, Rule>();
  return rules.flatMap((rule) => {
    const own = rule.values[effect];
    if (rule.ptype !== 'p' || (own !== 'allow' && own !== 'deny')) return [];
    first.set(ruleKey(rule), rule);
    const other = first.get(ruleKey({ ptype: 'p', values: rule.values.with(effect, opposite[own]) }));
    return other === undefined ? [] : [other, rule];
  });
}

function warnOfOpposed(rules: readonly Rule[]): VerificationWarning[] {
  if (rules.length === 0) return [];
  const message = `${countRules(rules, 'has', 'have')} the same values and the opposite effect, so one of each two decides nothing: ${listRules(rules)}. Remove that one.`;
  return [createWarning('RULES_OPPOSED', rules, message)];
}

function warnOfMisspelt(misspelt: ReturnType<typeof findMisspeltRoles>): VerificationWarning[] {
  if (misspelt.length === 0) return [];
  const rules = misspelt.map(({ rule }) => rule);
  const list = listSome(
    misspelt,
    ({ rule, meant }) => `"${formatRule(rule)}" (did you mean ${formatText(meant)}?)`,
  );
  const message = `${countRules(rules, 'gives', 'give')} a role that has no permission and inherits nothing, and whose name is nearly that of another role: ${list}. Correct the name, or give the role a permission.`;
  return [createWarning('ROLE_MISSPELT', rules, message)];
}

/** Definitions that only requests with an EnforceContext use. */
function warnOfContexts(model: Model, rules: readonly Rule[]): VerificationWarning[] {
  const names = ['r', 'p', 'e', 'm'].flatMap((section) =>
    [...(model.model.get(section)?.keys() ?? [])].filter((key) => key !== section),
  );
  if (names.length === 0) return [];
  const own = rules.filter(({ ptype }) => isOfContext(ptype));
  const of = own.length === 0 ? '' : ` Nothing was proved about ${listRules(own)}.`;
  const message = `Requests with an EnforceContext were not verified (${names.join(', ')}): decisions are verified by r, p, e and m.${of} Test the others with an enforcer of your own.`;
  return [createWarning('CONTEXT_NOT_VERIFIED', own, message)];
}

function isOfContext(ptype: string): boolean {
  return ptype.startsWith('p') && ptype !== 'p';
}

/** Rules with a `*` that Casbin compares as it is written. */
function warnOfWildcards(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): VerificationWarning[] {
  const starred = rules.filter(({ values }) => values.some(isWildcard));
  if (starred.length === 0) return [];
  // A matching function that configureEnforcer gives to a role manager may match patterns.
  const linksAreLiteral = configureEnforcer === undefined;
  const literal = literalPositions(model, linksAreLiteral);
  const roles = new Set(rules.filter(({ ptype }) => isRoleDefinition(ptype)).map(({ values }) => values[1]));
  const found = starred.filter(({ ptype, values }) => {
    if (ptype === 'p') {
      return values.some((value, at) => isWildcard(value) && literal.has(at) && !roles.has(value));
    }
    return (
      isRoleDefinition(ptype) && linksAreLiteral && values.some((value, at) => isWildcard(value) && at !== 1)
    );
  });
  if (found.length === 0) return [];
  const message = `${countRules(found, 'has', 'have')} a * where this model compares values as they are written, so it matches a * in the request and nothing else: ${listRules(found)}. Name the values, or match them by a function such as keyMatch(r.obj, p.obj).`;
  return [createWarning('LITERAL_WILDCARD', found, message)];
}

/** `*`, or a path or a list of names that ends or goes on with one: `/invoices/*`, `invoices:*`. */
function isWildcard(value: string): boolean {
  return value === '*' || /[/:.]\*/.test(value);
}

/** The positions of `p` values that the matcher uses only in `r.x == p.y`, or as the name of a role. */
function literalPositions(model: Model, linksAreLiteral: boolean): Set<number> {
  const matcher = matcherOf(model);
  if (evaluatesRules(matcher)) return new Set();
  const used = collectNames(matcher);
  const compared = collectConjuncts(matcher)
    .filter(({ kind }) => kind === 'equal' || linksAreLiteral)
    .map(({ policy }) => policy);
  const positions = [...tokensOf(model, 'p').entries()].filter(([, token]) => {
    const uses = used.filter((name) => name === `p_${token}`).length;
    return uses > 0 && uses === compared.filter((name) => name === token).length;
  });
  return new Set(positions.map(([position]) => position));
}

/** How many rules are named; a generated policy may have a million of them. */
const NAMED_RULES = 10;

function createWarning(
  code: VerificationWarning['code'],
  rules: readonly Rule[],
  message: string,
): VerificationWarning {
  const shown = rules.slice(0, NAMED_RULES).map(toLine);
  return { code, count: rules.length, rules: shown, message };
}

function countRules({ length }: readonly Rule[], one: string, more = one): string {
  return length === 1 ? `1 defined rule ${one}` : `${length} defined rules ${more}`;
}

function listRules(rules: readonly Rule[]): string {
  return listSome(rules, (rule) => `"${formatRule(rule)}"`);
}

function listSome<T>(all: readonly T[], describe: (one: T) => string): string {
  const shown = all.slice(0, NAMED_RULES).map(describe);
  const hidden = all.length - shown.length;
  return [...shown, ...(hidden > 0 ? [`and ${hidden} more`] : [])].join('; ');
}
