import { createRequire } from 'node:module';
import * as casbin from 'casbin';

/** Casbin's two builds: an application's tests may hold an enforcer of either. */
export const builds: readonly { build: string; casbin: typeof casbin }[] = [
  { build: 'ESM', casbin },
  { build: 'CJS', casbin: createRequire(import.meta.url)('casbin') },
];

interface ModelParts {
  r?: string;
  p?: string;
  g?: string;
  e?: string;
  m?: string;
}

/** A model; RBAC, but for the parts that are given. */
export function model({
  r = 'sub, obj, act',
  p = 'sub, obj, act',
  g = '_, _',
  e = 'some(where (p.eft == allow))',
  m = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act',
}: ModelParts = {}): casbin.Model {
  return casbin.newModelFromString(
    `[request_definition]\nr = ${r}\n[policy_definition]\np = ${p}\n[role_definition]\ng = ${g}\n[policy_effect]\ne = ${e}\n[matchers]\nm = ${m}\n`,
  );
}

/** An enforcer on a few rules: `p, user, accounts, read`. */
export function enforcerOf(
  rules: readonly string[],
  parts: ModelParts = {},
  build: typeof casbin = casbin,
): Promise<casbin.Enforcer> {
  return build.newEnforcer(model(parts), new build.StringAdapter(rules.join('\n')));
}

export const RULES = [
  'p, readonly, accounts, read',
  'p, readonly, transactions, read',
  'p, user, accounts, write',
  'p, admin, users, write',
  'g, user, readonly',
  'g, admin, user',
  'g, alice, admin',
] as const;

export const DENY_OVERRIDE: ModelParts = {
  p: 'sub, obj, act, eft',
  e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
};

export const DOMAINS: ModelParts = {
  r: 'sub, dom, obj, act',
  p: 'sub, dom, obj, act',
  g: '_, _, _',
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
};
