import { addTo } from '../policy/multimap.ts';
import type { Rule } from '../policy/rule.ts';
import type { Parts } from './parts.ts';
import type { Request } from './requests.ts';

/** A value that inherits, beside the subject: resource roles, by the role definition they are in. */
export interface Inheriting {
  readonly token: string;
  readonly ptype: string;
  /** From which names a rule for one of them may be asked for: those below it, or any, where the matcher is unusual. */
  readonly from: 'below' | 'anywhere';
}

/** Makes a function that repeats a permission on a resource for each resource that may be asked for instead. */
export function permissionExpander(
  rules: readonly Rule[],
  { inheriting, requestTokens }: Parts,
): (permission: Request) => Request[] {
  const others = inheriting.map(({ token, ptype, from }) => {
    const descendants = collectDescendants(rules, ptype);
    const all = new Set([...descendants].flatMap(([parent, below]) => [parent, ...below]));
    const of = (name: string) => (from === 'below' ? descendants.get(name) : all);
    return { position: requestTokens.indexOf(token), of };
  });
  return (permission) =>
    others.reduce(
      (variants, { position, of }) =>
        variants.flatMap((variant) => [
          variant,
          ...[...(of(variant[position] ?? '') ?? [])].map((value) => variant.with(position, value)),
        ]),
      [permission],
    );
}

function collectDescendants(rules: readonly Rule[], ptype: string): ReadonlyMap<string, ReadonlySet<string>> {
  const children = new Map<string, string[]>();
  for (const { ptype: own, values } of rules) {
    const [child = '', parent = ''] = values;
    if (own === ptype) addTo(children, parent, child);
  }
  const descendants = [...children.keys()].map((parent): [string, Set<string>] => {
    const below = new Set(children.get(parent));
    for (const name of below) for (const child of children.get(name) ?? []) below.add(child);
    return [parent, below];
  });
  return new Map(descendants);
}
