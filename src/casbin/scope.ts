import type { Model } from 'casbin';
import { addTo } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { collectCalls, evaluatesRules, identifier, limitingConjuncts } from './matcher.ts';
import { effectOf, ruleLengthsOf, textsOf, tokensOf } from './model.ts';

/** The part of the stored rules to read. */
export type Scope =
  | { readonly kind: 'whole' }
  /**
   * The rules that decisions about these names can depend on; `bySubject`: only `p` rules that begin with such a name.
   */
  | { readonly kind: 'reachable'; readonly names: readonly string[]; readonly bySubject: boolean };

export const WHOLE = { kind: 'whole' } as const;

/** The rules that decisions about some subjects, in some domains, can depend on, whatever else the requests contain. */
export interface SliceScope {
  readonly kind: 'slice';
  /** Empty if the subjects are not limited; the same for the domains. */
  readonly subjects: readonly string[];
  readonly domains: readonly string[];
  /** Which rules of each ptype of the model. */
  readonly limits: ReadonlyMap<string, SliceLimit>;
}

/** Which rules of a ptype a slice needs. */
export interface SliceLimit {
  /** Whether the first value must be one of the subjects, or a name that they inherit from. */
  readonly bySubject: boolean;
  /** The position of the value that must be one of the domains; null if there is no limit. */
  readonly domainAt: number | null;
}

/** Names that a value of the request must be one of. */
export interface Sliced {
  readonly token: string;
  readonly names: readonly string[];
}

/** Values of the requests that are to be decided, by their position. */
type ValuesAt = (position: number) => Iterable<string>;

/**
 * Finds which rules can take part in deciding requests, or are among `rules`.
 *
 * Role links are followed from every name that one of the rules begins with, and every value of a request that the
 * matcher follows them from. `p` rules are limited to those subjects only where each matcher says so by a leading
 * `g(r.sub, p.sub)` or `r.sub == p.sub`.
 */
export function reachableScope(model: Model, rules: readonly Rule[], valuesAt: ValuesAt): Scope {
  const linked = linkedTokens(model);
  if (linked === null) return WHOLE;
  const [tokens, subject] = [tokensOf(model, 'r'), tokensOf(model, 'p')[0]];
  const valuesOf = (some: readonly string[]) =>
    tokens.flatMap((token, position) => (some.includes(token) ? [...valuesAt(position)] : []));

  const isWithoutCommas = () => !valuesOf(tokens).some((value) => value.includes(','));
  const limits = textsOf(model, 'm').map((matcher) =>
    limitingConjuncts(matcher, isWithoutCommas).filter(({ policy }) => policy === subject),
  );
  const sources = [...linked, ...limits.flat().map(({ request }) => request)];
  const names = new Set([...rules.map(({ values }) => values[0] ?? ''), ...valuesOf(sources)]);
  // If one priority is not a number, Casbin sorts the others wrongly too.
  const bySubject = limits.every(({ length }) => length > 0) && !tokensOf(model, 'p').includes('priority');
  return { kind: 'reachable', names: [...names], bySubject };
}

/**
 * The rules of a scope, in their order: those that reading only the scope gives.
 *
 * @param rules the rules whose links are followed
 * @param among the rules to choose from
 */
export function reachedRules<R extends Rule>(
  scope: Scope,
  rules: readonly R[],
  among: readonly R[] = rules,
): readonly R[] {
  if (scope.kind === 'whole') return among;
  const parents = new Map<string, string[]>();
  for (const { ptype, values } of rules) {
    if (ptype.startsWith('g')) addTo(parents, values[0] ?? '', values[1] ?? '');
  }
  const reached = new Set(scope.names);
  for (const name of reached) for (const parent of parents.get(name) ?? []) reached.add(parent);
  return among.filter(
    ({ ptype, values }) => reached.has(values[0] ?? '') || (ptype.startsWith('p') && !scope.bySubject),
  );
}

/**
 * Finds which rules can take part in decisions about some subjects, or in some domains, whatever the rest of the
 * request is. Rules are reachable as in {@link reachableScope}.
 */
export function sliceScope(
  model: Model,
  subject: Sliced | null,
  domain: Sliced | null,
): SliceScope | { readonly kind: 'whole' } {
  const isSingle = ['r', 'p', 'm'].every((section) => model.model.get(section)?.size === 1);
  const tokens = tokensOf(model, 'p');
  if (!isSingle || linkedTokens(model) === null) return WHOLE;
  const matcher = textsOf(model, 'm')[0] ?? '';
  // Assumes that values have commas, because later ones may. With a priority, every rule matters.
  const leading = tokens.includes('priority') ? [] : limitingConjuncts(matcher, () => false);
  const inDomain = leading.find(({ kind, request }) => kind === 'equal' && request === domain?.token);
  const p: SliceLimit = {
    bySubject: leading.some(({ request, policy }) => request === subject?.token && policy === tokens[0]),
    domainAt: inDomain === undefined ? null : tokens.indexOf(inDomain.policy),
  };
  const calls = collectCalls(matcher);
  const limitOfLinks = (ptype: string): SliceLimit => {
    const own = calls.filter(({ name }) => name === ptype).map(({ given }) => given.map(identifier));
    return {
      bySubject: subject !== null && own.every(([from]) => from === `r_${subject.token}`),
      // The model was checked, so a call with a domain is of a definition with one.
      domainAt: own.length > 0 && own.every((given) => given[2] === `r_${domain?.token}`) ? 2 : null,
    };
  };
  const links = [...(model.model.get('g')?.keys() ?? [])].map(
    (ptype) => [ptype, limitOfLinks(ptype)] as const,
  );
  return {
    kind: 'slice',
    subjects: subject?.names ?? [],
    domains: domain?.names ?? [],
    limits: new Map([['p', p], ...links]),
  };
}

/**
 * The request values that role links are followed from. Null if these are unknown: a role definition is called for a
 * literal or for a value of a rule, or the texts of rules call it. Null also if the links of others matter: under
 * `subjectPriority`, and with more places than Casbin's own role manager can load.
 */
export function linkedTokens(model: Model): string[] | null {
  if (effectOf(model).startsWith('subjectPriority')) return null;
  const definitions = model.model.get('g') ?? new Map<string, unknown>();
  const lengths = ruleLengthsOf(model);
  if ([...definitions.keys()].some((ptype) => (lengths.get(ptype) ?? 0) > 3)) return null;
  const linked: string[] = [];
  for (const matcher of textsOf(model, 'm')) {
    if (evaluatesRules(matcher)) return null;
    for (const { name, given } of collectCalls(matcher)) {
      if (!definitions.has(name)) continue;
      const from = identifier(given[0]);
      if (!from?.startsWith('r_')) return null;
      linked.push(from.slice(2));
    }
  }
  return linked;
}
