import { newModelFromString } from 'casbin';
import { type BootstrapOptions, domainsModelPath, type PolicyDefinition } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';

/** What a release changes of the definition before it. */
export interface ReleaseStep {
  readonly kind:
    | 'retire role'
    | 'reassign role'
    | 'leave role out'
    | 'rename role'
    | 'retire rule'
    | 'leave rule out'
    | 'add rule'
    | 'add role'
    | 'toggle keep'
    | 'inherit';
  /** Of what. */
  readonly pick: number;
}

interface Role {
  name: string;
  permissions: Set<string>;
  inherits: Role[];
  keeps: boolean;
}

const NAMES = ['d', 'e', 'f', 'h', 'i', 'j'];
const PERMISSIONS = ['x read', 'x write', 'y read', 'y write'];

/** A definition for each release, versions from 1 on. */
export function releasesOf(steps: readonly ReleaseStep[]): PolicyDefinition[] {
  const names = [...NAMES];
  const role = (name: string, ...permissions: string[]): Role => ({
    name,
    permissions: new Set(permissions),
    inherits: [],
    keeps: false,
  });
  let roles = [role('a', 'x read'), role('b', 'x read', 'x write'), role('c', 'y write')];
  roles[1]?.inherits.push(roles[0] as Role);
  const releases = [toDefinition(1, roles, {})];
  for (const [index, { kind, pick }] of steps.entries()) {
    const chosen = roles[pick % roles.length] as Role;
    const permissions = [...chosen.permissions];
    const permission = permissions[pick % permissions.length];
    const line = ['p', chosen.name, ...(permission ?? '').split(' ')];
    const more: Pick<PolicyDefinition, 'retired' | 'renamed'> = {};
    const leaveOut = () => {
      roles = roles.filter((one) => one !== chosen);
      for (const one of roles) one.inherits = one.inherits.filter((parent) => parent !== chosen);
    };
    const mayGo = roles.some((one) => one !== chosen && one.permissions.size > 0);
    if (kind === 'leave role out' && mayGo) leaveOut();
    else if (kind === 'retire role' && mayGo) {
      leaveOut();
      Object.assign(more, { retired: { roles: { [chosen.name]: {} } } });
    } else if (kind === 'reassign role' && mayGo) {
      leaveOut();
      const reassign = roles[pick % roles.length]?.name;
      Object.assign(more, { retired: { roles: { [chosen.name]: { reassign } } } });
    } else if (kind === 'rename role' && names.length > 0) {
      const [from, to] = [chosen.name, names.shift() as string];
      chosen.name = to;
      Object.assign(more, { renamed: { roles: { [from]: to } } });
    } else if (kind === 'retire rule' && permission !== undefined && (mayGo || permissions.length > 1)) {
      chosen.permissions.delete(permission);
      Object.assign(more, { retired: { rules: [line] } });
    } else if (kind === 'leave rule out' && permission !== undefined && (mayGo || permissions.length > 1)) {
      chosen.permissions.delete(permission);
    } else if (kind === 'add rule') {
      chosen.permissions.add(PERMISSIONS[pick % PERMISSIONS.length] as string);
    } else if (kind === 'add role' && names.length > 0) {
      roles.push(role(names.shift() as string, 'x write'));
    } else if (kind === 'toggle keep') {
      chosen.keeps = !chosen.keeps;
    } else if (kind === 'inherit') {
      const parents = roles.slice(0, roles.indexOf(chosen));
      const parent = parents[pick % Math.max(1, parents.length)];
      if (parent !== undefined && !chosen.inherits.includes(parent)) chosen.inherits.push(parent);
    }
    releases.push(toDefinition(index + 2, roles, more));
  }
  return releases;
}

function toDefinition(
  version: number,
  roles: readonly Role[],
  more: Pick<PolicyDefinition, 'retired' | 'renamed'>,
): PolicyDefinition {
  const entries = roles.map(({ name, permissions, inherits, keeps }) => {
    const byResource: Record<string, string[]> = {};
    for (const [resource = '', action = ''] of [...permissions].map((one) => one.split(' '))) {
      byResource[resource] = [...(byResource[resource] ?? []), action];
    }
    return [
      name,
      {
        permissions: byResource,
        inherits: inherits.map((parent) => parent.name),
        ...(keeps ? { onRevoked: 'keep' as const } : {}),
      },
    ] as const;
  });
  return { version, roles: Object.fromEntries(entries), ...more };
}

/** A model, and how the releases above are written for it. */
export interface ReleaseShape {
  readonly name: string;
  readonly options: Pick<BootstrapOptions, 'model'>;
  /** The positions of roles in the rules of each ptype; of links, roles are the first two values. */
  readonly rolesAt: Readonly<Record<string, readonly number[]>>;
  define(release: PolicyDefinition): PolicyDefinition;
  /** A rule with its ptype, of role or user and what follows. */
  write(rule: readonly string[]): string[];
}

const ROLE_LAST = `
[request_definition]
r = obj, act, sub
[policy_definition]
p = obj, act, sub
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`;

const plain: ReleaseShape = {
  name: 'roles',
  options: {},
  rolesAt: { p: [0], g: [0, 1] },
  define: (release) => release,
  write: (rule) => [...rule],
};

const roleLast: ReleaseShape = {
  name: 'rules with the role last',
  options: { model: newModelFromString(ROLE_LAST) },
  rolesAt: { p: [2], g: [0, 1] },
  define: (release) => {
    const { roles = {}, retired, ...others } = release;
    // Without roles, only a rule says that there is a role.
    const own = Object.keys(roles).map((role) => ['p', role, 'z', 'read']);
    const written = compilePolicy(release).map(({ ptype, values }) => [ptype, ...values]);
    const rules = [...own, ...written].map(roleLast.write);
    return { ...others, rules, ...writeRetired(retired, roleLast) };
  },
  write: ([ptype = '', role = '', ...others]) =>
    ptype === 'p' ? [ptype, ...others, role] : [ptype, role, ...others],
};

const tenants: ReleaseShape = {
  name: 'roles of tenants',
  options: { model: domainsModelPath },
  rolesAt: { p: [0], g: [0, 1] },
  define: ({ roles = {}, retired, ...others }) => ({
    ...others,
    domains: { roles, tenants: ['t', 'u'] },
    ...writeRetired(retired, tenants),
  }),
  write: ([ptype = '', role = '', ...others]) =>
    ptype === 'p' ? [ptype, role, 't', ...others] : [ptype, role, ...others, 't'],
};

function writeRetired(retired: PolicyDefinition['retired'], { write }: ReleaseShape) {
  const { rules } = retired ?? {};
  return retired === undefined ? {} : { retired: { ...retired, ...(rules && { rules: rules.map(write) }) } };
}

const USERS_BY_G2 = `
[request_definition]
r = sub, obj, act
r2 = sub, act
[policy_definition]
p = sub, obj, act, eft
p2 = sub, act
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
e2 = some(where (p.eft == allow))
[matchers]
m = g2(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act
m2 = g2(r2.sub, p2.sub) && r2.act == p2.act
`;

const byG2: ReleaseShape = {
  name: 'roles of g2 and p2, with effects',
  options: { model: newModelFromString(USERS_BY_G2) },
  rolesAt: { p: [0], p2: [0], g2: [0, 1] },
  define: (release) => {
    const { roles = {}, retired, ...others } = release;
    // Resources that are called like roles.
    const resources = ['a', 'b', 'c'].map((name) => ['g', name, 'x']);
    const own = Object.keys(roles).map((role) => ['p', role, 'a', 'read', 'allow']);
    const written = compilePolicy(release).map(({ ptype, values }) => [ptype, ...values]);
    const rules = [...resources, ...own, ...written.map(byG2.write)];
    return { ...others, rules, ...writeRetired(retired, byG2) };
  },
  write: ([ptype = '', first = '', second = '', third = '']) => {
    if (ptype === 'g') return ['g2', first, second];
    return second === 'y'
      ? ['p2', first, third]
      : ['p', first, second, third, third === 'read' ? 'allow' : 'deny'];
  },
};

export const SHAPES: readonly ReleaseShape[] = [plain, roleLast, tenants, byG2];
