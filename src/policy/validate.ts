import type { Problem } from '../errors.ts';
import type { DefinedRule } from './compile.ts';
import type { PolicyDefinition } from './definition.ts';
import {
  buildHierarchies,
  findCycles,
  findTooDeep,
  type Hierarchy,
  MAX_INHERITANCE_LINKS,
} from './hierarchy.ts';
import { placeIn } from './place.ts';
import { formatRule, formatText, formatValue, ruleKey } from './rule.ts';

/** How many values a rule of each ptype must have, as the model defines them. */
export type RuleLengths = ReadonlyMap<string, number>;

/** Rules that the model has no place for: unknown ptype, wrong number of values. */
export function findMisfits(rules: readonly DefinedRule[], lengths: RuleLengths): Problem[] {
  return rules.flatMap(({ at, ...rule }): Problem[] => {
    const length = lengths.get(rule.ptype);
    if (length === undefined) {
      const known = [...lengths.keys()].join(', ');
      const message = `rule "${formatRule(rule)}" has ptype ${formatText(rule.ptype)}, which the model does not define. Use one of ${known}, or define it in the model.`;
      return [{ code: 'RULE_UNKNOWN_PTYPE', at, message }];
    }
    if (rule.values.length !== length) {
      const message = `rule "${formatRule(rule)}" has ${count(rule.values.length)}, but the model defines ${length} for "${rule.ptype}". Make them agree.`;
      return [{ code: 'RULE_WRONG_LENGTH', at, message }];
    }
    return [];
  });
}

/** Rules that stand in the definition more than once. */
export function findDuplicates(rules: readonly DefinedRule[]): Problem[] {
  const first = new Map<string, string>();
  return rules.flatMap(({ at, ...rule }): Problem[] => {
    const key = ruleKey(rule);
    const place = first.get(key);
    if (place === undefined) {
      first.set(key, at);
      return [];
    }
    const message = `rule "${formatRule(rule)}" is already defined at ${place}. Remove one of them.`;
    return [{ code: 'RULE_DUPLICATE', at, message }];
  });
}

/** Values that PostgreSQL's jsonb can't hold: NUL, and half of a surrogate pair. */
export function findUnstorable(rules: readonly DefinedRule[]): Problem[] {
  return rules.flatMap(({ at, ...rule }): Problem[] => {
    const value = [rule.ptype, ...rule.values].find((text) => text.includes('\0') || !text.isWellFormed());
    if (value === undefined) return [];
    const what = value.includes('\0') ? 'a NUL character' : 'half of a surrogate pair';
    const message = `value ${formatText(value)} holds ${what}, which PostgreSQL can't store. Remove it.`;
    return [{ code: 'VALUE_UNSTORABLE', at, message }];
  });
}

/** Roles named in `inherits` that are not under `roles`. */
export function findUndefinedRoles(definition: PolicyDefinition): Problem[] {
  const roles = definition.roles ?? {};
  return Object.entries(roles).flatMap(([role, { inherits = [] }]) =>
    inherits.flatMap((parent, index): Problem[] => {
      if (Object.hasOwn(roles, parent)) return [];
      const at = placeIn(definition, 'roles', role, 'inherits', index);
      const message = `role ${formatText(role)} inherits from ${formatText(parent)}, which is not defined. Add it under roles, or remove the inheritance.`;
      return [{ code: 'ROLE_UNDEFINED', at, message }];
    }),
  );
}

/** Inheritance that can't mean what it says: from itself, in a circle, or deeper than Casbin follows. */
export function findBrokenHierarchies(rules: readonly DefinedRule[]): Problem[] {
  const fromItself = rules
    .filter(({ ptype, values }) => ptype.startsWith('g') && values.length > 1 && values[0] === values[1])
    .map(
      ({ at, values }): Problem => ({
        code: 'ROLE_INHERITS_ITSELF',
        at,
        message: `role ${formatText(values[0] ?? '')} inherits from itself. Remove the inheritance.`,
      }),
    );
  const placeOfLink = indexLinks(rules);
  const structural = buildHierarchies(rules).flatMap((hierarchy) => {
    const domain = hierarchy.domain === '' ? '' : ` in domain ${formatValue(hierarchy.domain)}`;
    const cycles = findCycles(hierarchy).map(
      (path): Problem => ({
        code: 'ROLE_CYCLE',
        at: placeOfLink(hierarchy, path),
        message: `roles inherit from each other in a circle${domain}: ${formatPath(path)}. Remove one of the links.`,
      }),
    );
    const tooDeep = findTooDeep(hierarchy).map(
      (path): Problem => ({
        code: 'ROLE_TOO_DEEP',
        at: placeOfLink(hierarchy, path),
        message: `role ${formatText(path[0] ?? '')} inherits over ${path.length - 1} links${domain}, and Casbin silently stops at ${MAX_INHERITANCE_LINKS}: ${formatPath(path)}. Flatten the hierarchy.`,
      }),
    );
    return [...cycles, ...tooDeep];
  });
  return [...fromItself, ...structural];
}

/** Tells where the first link of a path of roles is defined. */
function indexLinks(
  rules: readonly DefinedRule[],
): (hierarchy: Hierarchy, path: readonly string[]) => string {
  const places = new Map<string, string>();
  for (const { ptype, values, at } of rules) {
    const [child, parent, ...domains] = values;
    if (ptype.startsWith('g')) places.set(JSON.stringify([ptype, domains.join(', '), child, parent]), at);
  }
  return ({ ptype, domain }, [child, parent]) =>
    places.get(JSON.stringify([ptype, domain, child, parent])) ?? 'policy';
}

function count(values: number): string {
  return values === 1 ? '1 value' : `${values} values`;
}

/** How many roles of a path are shown at each of its ends; twelve are what is too deep at least. */
const SHOWN_ROLES = 8;

function formatPath(path: readonly string[]): string {
  const roles = path.map(formatValue);
  const hidden = roles.length - 2 * SHOWN_ROLES;
  if (hidden > 0) roles.splice(SHOWN_ROLES, hidden, `… ${hidden} more …`);
  return roles.join(' → ');
}
