import type { PolicyDefinition } from './definition.ts';
import type { Rule } from './rule.ts';

/** A rule with the place in the definition that it comes from. */
export interface DefinedRule extends Rule {
  /** A path such as `policy.roles.user.permissions.accounts`. */
  readonly at: string;
}

/** Turns a definition into rules: permissions role by role, then inheritance, then the raw rules as given. */
export function compilePolicy(definition: PolicyDefinition): DefinedRule[] {
  const roles = Object.entries(definition.roles ?? {});
  const permissions = roles.flatMap(([role, { permissions = {} }]) =>
    Object.entries(permissions).flatMap(([resource, actions]) =>
      actions.map((action) => ({
        ptype: 'p',
        values: [role, resource, action],
        at: `policy.roles.${role}.permissions.${resource}`,
      })),
    ),
  );
  const inheritance = roles.flatMap(([role, { inherits = [] }]) =>
    inherits.map((parent) => ({
      ptype: 'g',
      values: [role, parent],
      at: `policy.roles.${role}.inherits`,
    })),
  );
  const raw = (definition.rules ?? []).map(([ptype = '', ...values], index) => ({
    ptype,
    values,
    at: `policy.rules[${index}]`,
  }));
  return [...permissions, ...inheritance, ...raw];
}
