import type { PolicyDefinition } from './definition.ts';
import { placeIn } from './place.ts';
import type { PlacedRule } from './rule.ts';

/** A rule of a definition. */
export interface DefinedRule extends PlacedRule {
  /** The index of the tenant of `domains` for which it was made; undefined for all other rules. */
  readonly tenant?: number | undefined;
  /** Whether `roles` makes it, so that it can't have other values. */
  readonly isOfRole?: boolean | undefined;
}

/**
 * Whether the same part of the definition has made a rule for an earlier tenant, so that a problem of that part is
 * reported once, not ten thousand times.
 */
export function isRepeated({ tenant = 0 }: DefinedRule): boolean {
  return tenant > 0;
}

/**
 * Turns a definition into rules: permissions role by role, then inheritance, for one tenant after the other where there
 * are domains; then the raw rules as given.
 */
export function compilePolicy(definition: PolicyDefinition): DefinedRule[] {
  const rules = [...compileRoles(definition), ...compileDomains(definition)];
  const source: RuleSource = { at: (_values, index) => placeIn(definition, 'rules', index) };
  const raw = (definition.rules ?? []).map(
    // Not `[ptype, ...values]`: such an array keeps room for more values.
    (rule, index) => new CompiledRule(rule[0] ?? '', rule.slice(1), source, index),
  );
  return rules.concat(raw);
}

function compileRoles(definition: PolicyDefinition): DefinedRule[] {
  const permission: RuleSource = {
    at: ([role = '', resource = ''], index) =>
      placeIn(definition, 'roles', role, 'permissions', resource, index),
    isOfRole: true,
  };
  const parent: RuleSource = {
    at: ([role = ''], index) => placeIn(definition, 'roles', role, 'inherits', index),
    isOfRole: true,
  };
  const { permissions, parents } = listRules(definition.roles ?? {});
  return [
    ...permissions.map(({ values, index }) => new CompiledRule('p', values, permission, index)),
    ...parents.map(({ values, index }) => new CompiledRule('g', values, parent, index)),
  ];
}

function* compileDomains(definition: PolicyDefinition): Generator<DefinedRule, void> {
  const { roles, tenants } = definition.domains ?? { roles: {}, tenants: [] };
  const { permissions, parents } = listRules(roles);
  const placePermission: RuleSource['at'] = ([role = '', , resource = ''], index) =>
    placeIn(definition, 'domains', 'roles', role, 'permissions', resource, index);
  const placeParent: RuleSource['at'] = ([role = ''], index) =>
    placeIn(definition, 'domains', 'roles', role, 'inherits', index);
  for (const [tenant, domain] of tenants.entries()) {
    const permission: RuleSource = { at: placePermission, tenant };
    const parent: RuleSource = { at: placeParent, tenant };
    for (const { values, index } of permissions) {
      const [role, resource, action] = values;
      yield new CompiledRule('p', [role, domain, resource, action], permission, index);
    }
    for (const { values, index } of parents) {
      yield new CompiledRule('g', [...values, domain], parent, index);
    }
  }
}

/**
 * The values of the rules that roles make, apart from a domain, each with its index in the list where it is written.
 */
function listRules(roles: NonNullable<PolicyDefinition['roles']>) {
  const entries = Object.entries(roles);
  const permissions = entries.flatMap(([role, { permissions = {} }]) =>
    Object.entries(permissions).flatMap(([resource, actions = []]) =>
      actions.map((action, index) => ({ values: [role, resource, action] as const, index })),
    ),
  );
  const parents = entries.flatMap(([role, { inherits = [] }]) =>
    inherits.map((parent, index) => ({ values: [role, parent] as const, index })),
  );
  return { permissions, parents };
}

/** Where the rules that share it come from. */
interface RuleSource {
  at(values: readonly string[], index: number): string;
  readonly tenant?: number;
  readonly isOfRole?: boolean;
}

/** Makes the text of a place only when it is needed, because a million of them would need much memory. */
class CompiledRule implements DefinedRule {
  readonly ptype: string;
  readonly values: readonly string[];
  readonly #source: RuleSource;
  readonly #index: number;

  constructor(ptype: string, values: readonly string[], source: RuleSource, index: number) {
    this.ptype = ptype;
    this.values = values;
    this.#source = source;
    this.#index = index;
  }

  get at(): string {
    return this.#source.at(this.values, this.#index);
  }

  get tenant(): number | undefined {
    return this.#source.tenant;
  }

  get isOfRole(): boolean | undefined {
    return this.#source.isOfRole;
  }
}
