import type { PolicyDefinition, RoleDefinition } from './definition.ts';
import type { Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';

/** Which rules the role form of a definition can say: `p` with role, resource, action, and `g` with two roles. */
export interface RoleForm {
  readonly permissions: boolean;
  readonly inheritance: boolean;
}

interface RoleParts {
  readonly inherits: string[];
  readonly permissions: Map<string, string[]>;
}

/**
 * Writes rules as a definition that compiles to them: as roles if possible, the others as raw rules. A rule that is
 * given twice is written once.
 */
export function toDefinition(rules: readonly Rule[], form: RoleForm): PolicyDefinition {
  const all = new RuleSet(rules);
  const distinct = rules.filter((rule, position) => all.indexOf(rule) === position);
  const isPermission = ({ ptype, values }: Rule) => form.permissions && ptype === 'p' && values.length === 3;
  const isLink = ({ ptype, values }: Rule) => form.inheritance && ptype === 'g' && values.length === 2;
  const roles = new Map<string, RoleParts>();
  const roleCalled = (name: string): RoleParts => {
    const role = roles.get(name) ?? { inherits: [], permissions: new Map() };
    roles.set(name, role);
    return role;
  };
  const raw: string[][] = [];
  for (const rule of distinct) {
    const [first = '', second = '', third = ''] = rule.values;
    if (isPermission(rule)) {
      const { permissions } = roleCalled(first);
      permissions.set(second, [...(permissions.get(second) ?? []), third]);
    } else if (isLink(rule)) {
      roleCalled(first).inherits.push(second);
      roleCalled(second);
    } else raw.push([rule.ptype, ...rule.values]);
  }
  return {
    // Not by assignment: a role may be called __proto__.
    ...(roles.size > 0 && {
      roles: Object.fromEntries([...roles].map(([name, role]) => [name, toRole(role)])),
    }),
    ...(raw.length > 0 && { rules: raw }),
  };
}

function toRole({ inherits, permissions }: RoleParts): RoleDefinition {
  return {
    ...(inherits.length > 0 && { inherits }),
    ...(permissions.size > 0 && { permissions: Object.fromEntries(permissions) }),
  };
}
