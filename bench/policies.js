// The policies that comparisons work on, as definitions and as compiled rules.
import { readFile } from 'node:fs/promises';
import { compilePolicy } from '../dist/src/policy/compile.js';

/** The package's own model, as text. */
export const RBAC = await readFile(new URL('../model/rbac_model.conf', import.meta.url), 'utf8');

export const RBAC_WITH_DOMAINS = `
[request_definition]
r = sub, dom, obj, act

[policy_definition]
p = sub, dom, obj, act

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`;

const ROLES = 100;
const LINKS = 9;
const TENANT_ROLES = ['viewer', 'clerk', 'owner'];

/** `count` rules: each a resource that one of a hundred roles may read, and nine links between those roles. */
export function rolePolicy(count) {
  const permissions = Array.from({ length: count - LINKS }, (_, n) => [
    'p',
    `role${n % ROLES}`,
    `resource${n}`,
    'read',
  ]);
  const links = Array.from({ length: LINKS }, (_, n) => ['g', `role${n + 1}`, `role${n}`]);
  return { rules: [...permissions, ...links] };
}

/** Sixteen rules for each tenant: three roles that inherit from each other, and fourteen permissions. */
export function tenantPolicy(tenants) {
  return {
    rules: Array.from({ length: tenants }, (_, n) => tenantRules(`tenant${n}`)).flat(),
  };
}

function tenantRules(tenant) {
  const permissions = Array.from({ length: 14 }, (_, n) => [
    'p',
    TENANT_ROLES[n % 3],
    tenant,
    `resource${n >> 1}`,
    n % 2 === 0 ? 'read' : 'write',
  ]);
  return [...permissions, ['g', 'clerk', 'viewer', tenant], ['g', 'owner', 'clerk', tenant]];
}

/** With the place of each rule in the definition, as the library's own seeding has them. */
export function compile(definition) {
  return compilePolicy(definition);
}

/** Rules as the two arrays of `unnest($1::text[], $2::text[])`. */
export function toArrays(rules) {
  return [rules.map(({ ptype }) => ptype), rules.map(({ values }) => JSON.stringify(values))];
}
