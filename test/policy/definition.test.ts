import { expect, expectTypeOf, test } from 'vitest';
import { defaultPolicy, definePolicy, type PolicyDefinition, type PolicyRequest } from '../../src/index.ts';
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
  expectTypeOf(policy).toEqualTypeOf<
    PolicyDefinition<'viewer' | 'clerk' | 'guest', 'invoices' | 'reports', 'read' | 'write'>
  >();
  expectTypeOf(defaultPolicy.roles).exclude<undefined>().toHaveProperty('admin');
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
  expectTypeOf(extended).toEqualTypeOf<PolicyDefinition<'viewer' | 'auditor', 'invoices', 'read'>>();
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
