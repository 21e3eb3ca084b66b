import type { PolicyDefinition } from './definition.ts';
import { placeIn } from './place.ts';
import type { Rule } from './rule.ts';

/** A rule with the place in the definition that it comes from. */
export interface DefinedRule extends Rule {
  /** `policy.yaml:12:9` for what was read from a file, else a path: `policy.roles.user.permissions.accounts[0]`. */
  readonly at: string;
}

/** Turns a definition into rules: permissions role by role, then inheritance, then the raw rules as given. */
export function compilePolicy(definition: PolicyDefinition): DefinedRule[] {
  const roles = Object.entries(definition.roles ?? {});
  const permissions = roles.flatMap(([role, { permissions = {} }]) =>
    Object.entries(permissions).flatMap(([resource, actions = []]) =>
      actions.map((action, index) => ({
        ptype: 'p',
        values: [role, resource, action],
        at: placeIn(definition, 'roles', role, 'permissions', resource, index),
      })),
    ),
  );
  const inheritance = roles.flatMap(([role, { inherits = [] }]) =>
    inherits.map((parent, index) => ({
      ptype: 'g',
      values: [role, parent],
      at: placeIn(definition, 'roles', role, 'inherits', index),
    })),
  );
  const raw = (definition.rules ?? []).map(([ptype = '', ...values], index) => ({
    ptype,
    values,
    at: placeIn(definition, 'rules', index),
  }));
  return [...permissions, ...inheritance, ...raw];
}
