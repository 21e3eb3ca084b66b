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
  const placePermission: Place = ([role = '', resource = ''], index) =>
    placeIn(definition, 'roles', role, 'permissions', resource, index);
  const permissions = roles.flatMap(([role, { permissions = {} }]) =>
    Object.entries(permissions).flatMap(([resource, actions = []]) =>
      actions.map((action, index) => new PlacedRule('p', [role, resource, action], placePermission, index)),
    ),
  );
  const placeParent: Place = ([role = ''], index) => placeIn(definition, 'roles', role, 'inherits', index);
  const inheritance = roles.flatMap(([role, { inherits = [] }]) =>
    inherits.map((parent, index) => new PlacedRule('g', [role, parent], placeParent, index)),
  );
  const placeRaw: Place = (_values, index) => placeIn(definition, 'rules', index);
  const raw = (definition.rules ?? []).map(
    // Not `[ptype, ...values]`, which leaves room for more values in each of them.
    (rule, index) => new PlacedRule(rule[0] ?? '', rule.slice(1), placeRaw, index),
  );
  return permissions.concat(inheritance, raw);
}

type Place = (values: readonly string[], index: number) => string;

/** A place is asked for when something is wrong there, so it is not kept as a text: a million would need much room. */
class PlacedRule implements DefinedRule {
  readonly ptype: string;
  readonly values: readonly string[];
  readonly #place: Place;
  readonly #index: number;

  constructor(ptype: string, values: readonly string[], place: Place, index: number) {
    this.ptype = ptype;
    this.values = values;
    this.#place = place;
    this.#index = index;
  }

  get at(): string {
    return this.#place(this.values, this.#index);
  }
}
