import { expect, expectTypeOf, test } from 'vitest';
import {
  type DomainPolicyDefinition,
  defaultPolicy,
  definePolicy,
  type PolicyDefinition,
  type PolicyRequest,
} from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { formatRule } from '../../src/policy/rule.ts';

const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'], reports: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    guest: {},
  },
  allow: [['clerk', 'invoices', 'read']],
  deny: [['viewer', 'invoices', 'write']],
  never: [['guest', 'reports', 'read']],
  samples: [['anybody', 'anything', 'at all', 'here']],
});

test('the names of roles, resources and actions are inferred', () => {
  type Expected = PolicyDefinition<'viewer' | 'clerk' | 'guest', 'invoices' | 'reports', 'read' | 'write'>;
  expectTypeOf(policy).toExtend<Expected>();
  expectTypeOf(policy.allow).toEqualTypeOf<Expected['allow']>();
  expectTypeOf(defaultPolicy.roles).exclude<undefined>().toHaveProperty('admin');
});

test('a definition with roles has them, without a question mark', () => {
  expectTypeOf<keyof typeof policy.roles>().toEqualTypeOf<'viewer' | 'clerk' | 'guest'>();
  const raw = definePolicy({ rules: [['p', 'clerk', 'invoices', 'read']] });
  expectTypeOf<undefined>().toExtend<typeof raw.roles>();
});

test('every definition is a PolicyDefinition', () => {
  expectTypeOf(policy).toExtend<PolicyDefinition>();
  expectTypeOf<PolicyRequest>().toEqualTypeOf<readonly string[]>();
});

test('a misspelt role in inherits does not compile', () => {
  definePolicy({
    roles: {
      viewer: { permissions: { invoices: ['read'] } },
      // @ts-expect-error: did you mean "viewer"?
      clerk: { inherits: ['vewer'] },
    },
  });
});

test('a misspelt key does not compile', () => {
  definePolicy({
    roles: {
      viewer: {},
      // @ts-expect-error: did you mean "inherits"?
      clerk: { inherit: ['viewer'] },
    },
  });
});

test('a misspelt role, resource or action in an expectation does not compile', () => {
  const roles = { viewer: { permissions: { invoices: ['read'] } } } as const;
  definePolicy({
    roles,
    // @ts-expect-error: did you mean "viewer"?
    allow: [['vewer', 'invoices', 'read']],
    // @ts-expect-error: did you mean "invoices"?
    deny: [['viewer', 'invoice', 'read']],
    // @ts-expect-error: did you mean "read"?
    never: [['viewer', 'invoices', 'raed']],
  });
  definePolicy({
    roles,
    // @ts-expect-error: a request has three values
    allow: [['viewer', 'invoices']],
  });
});

test('with raw rules a request may be any list of strings', () => {
  const withDomains = definePolicy({
    rules: [['p', 'admin', 'domain1', 'data1', 'read']],
    allow: [['alice', 'domain1', 'data1', 'read']],
  });
  const withBoth = definePolicy({
    roles: { viewer: { permissions: { invoices: ['read'] } } },
    rules: [],
    never: [['nobody', 'anything']],
  });
  expectTypeOf(withDomains).toEqualTypeOf<PolicyDefinition>();
  expectTypeOf(withBoth).toEqualTypeOf<PolicyDefinition>();
});

test('roles can be put together from parts', () => {
  const basic = { viewer: { permissions: { invoices: ['read'] } } } as const;
  const extended = definePolicy({ roles: { ...basic, auditor: { inherits: ['viewer'] } } });
  expectTypeOf(extended).toExtend<PolicyDefinition<'viewer' | 'auditor', 'invoices', 'read'>>();
  expectTypeOf<keyof typeof extended.roles>().toEqualTypeOf<'viewer' | 'auditor'>();
});

test('a definition compiles to permissions, then inheritance, then raw rules, each with its path', () => {
  const rules = compilePolicy({
    roles: { 'team lead': { inherits: ['viewer'], permissions: { 'a.b': ['read', 'write'] } }, viewer: {} },
    rules: [['g2', 'data1', 'documents']],
  });
  expect(rules.map(({ at, ...rule }) => `${formatRule(rule)} @ ${at}`)).toEqual([
    'p, team lead, a.b, read @ policy.roles["team lead"].permissions["a.b"][0]',
    'p, team lead, a.b, write @ policy.roles["team lead"].permissions["a.b"][1]',
    'g, team lead, viewer @ policy.roles["team lead"].inherits[0]',
    'g2, data1, documents @ policy.rules[0]',
  ]);
});

const ofTenants = definePolicy({
  domains: {
    roles: {
      viewer: { permissions: { invoices: ['read'] } },
      clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    },
    tenants: ['acme', 'globex'],
  },
  allow: [['clerk', 'acme', 'invoices', 'read']],
  never: [['viewer', 'globex', 'invoices', 'write']],
});

test('the names of domains are inferred together with those of their roles', () => {
  expectTypeOf(ofTenants).toEqualTypeOf<
    DomainPolicyDefinition<'viewer' | 'clerk', 'invoices', 'read' | 'write', 'acme' | 'globex'>
  >();
  expectTypeOf(ofTenants).toExtend<PolicyDefinition>();
});

test('a misspelt role, domain, resource or action of domains does not compile', () => {
  const roles = { viewer: { permissions: { invoices: ['read'] } } } as const;
  const domains = { roles, tenants: ['acme', 'globex'] } as const;
  definePolicy({
    domains,
    // @ts-expect-error: did you mean "acme"?
    allow: [['viewer', 'acm', 'invoices', 'read']],
    // @ts-expect-error: did you mean "viewer"?
    deny: [['viewr', 'acme', 'invoices', 'read']],
    // @ts-expect-error: a request has a domain
    never: [['viewer', 'invoices', 'read']],
  });
  definePolicy({
    domains: {
      roles: {
        viewer: {},
        // @ts-expect-error: did you mean "viewer"?
        clerk: { inherits: ['viewr'] },
      },
      tenants: ['acme'],
    },
  });
});

test('tenants whose names are known only when the program runs may be any strings', () => {
  const tenants: string[] = ['acme'];
  const policy = definePolicy({
    domains: { roles: { viewer: { permissions: { invoices: ['read'] } } }, tenants },
    allow: [['viewer', 'anybody', 'invoices', 'read']],
  });
  expectTypeOf(policy).toEqualTypeOf<DomainPolicyDefinition<'viewer', 'invoices', 'read', string>>();
});

test('with both raw rules and domains, a request may be any list of strings', () => {
  const policy = definePolicy({
    domains: { roles: { viewer: {} }, tenants: ['acme'] },
    rules: [['g', 'alice', 'viewer', 'acme']],
    allow: [['alice', 'acme', 'invoices', 'read']],
  });
  expectTypeOf(policy).toEqualTypeOf<PolicyDefinition>();
});

test('domains compile to the rules of each tenant, with the place in the roles, then raw rules', () => {
  const rules = compilePolicy({ ...ofTenants, rules: [['g', 'alice', 'clerk', 'acme']] });
  expect(rules.map(({ at, tenant, ...rule }) => `${formatRule(rule)} @ ${at} #${tenant}`)).toEqual([
    'p, viewer, acme, invoices, read @ policy.domains.roles.viewer.permissions.invoices[0] #0',
    'p, clerk, acme, invoices, write @ policy.domains.roles.clerk.permissions.invoices[0] #0',
    'g, clerk, viewer, acme @ policy.domains.roles.clerk.inherits[0] #0',
    'p, viewer, globex, invoices, read @ policy.domains.roles.viewer.permissions.invoices[0] #1',
    'p, clerk, globex, invoices, write @ policy.domains.roles.clerk.permissions.invoices[0] #1',
    'g, clerk, viewer, globex @ policy.domains.roles.clerk.inherits[0] #1',
    'g, alice, clerk, acme @ policy.rules[0] #undefined',
  ]);
});
