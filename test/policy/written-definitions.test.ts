import fc from 'fast-check';
import { expect, test } from 'vitest';
import { policyToTypeScript, policyToYaml } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { toDefinition } from '../../src/policy/write-definition.ts';
import { parseYaml } from '../../src/policy/yaml.ts';

const ROLE_FORM = { permissions: true, inheritance: true };
const RULES = [
  ['p', 'viewer', 'invoices', 'read'],
  ['p', 'clerk', 'invoices', 'write'],
  ['p', 'clerk', 'ledger', 'read'],
  ['p', 'clerk', 'ledger', 'close'],
  ['g', 'clerk', 'viewer'],
  ['g2', 'ledger', 'books'],
];
const toRules = (rules: readonly (readonly string[])[]) =>
  rules.map(([ptype = '', ...values]) => ({ ptype, values }));

test('rules become roles, as far as these can say them', () => {
  expect(toDefinition(toRules([...RULES, ...RULES]), ROLE_FORM)).toEqual({
    roles: {
      viewer: { permissions: { invoices: ['read'] } },
      clerk: { inherits: ['viewer'], permissions: { invoices: ['write'], ledger: ['read', 'close'] } },
    },
    rules: [['g2', 'ledger', 'books']],
  });
  expect(toDefinition(toRules(RULES), { permissions: false, inheritance: false })).toEqual({ rules: RULES });
  expect(toDefinition(toRules([['g', 'a', 'b']]), ROLE_FORM)).toEqual({
    roles: { a: { inherits: ['b'] }, b: {} },
  });
  expect(toDefinition([], ROLE_FORM)).toEqual({});
});

test('a rule with an empty value stays a rule: a role form has no empty names', () => {
  const rules = [
    ['p', '', 'invoices', 'read'],
    ['p', 'viewer', '', 'read'],
    ['p', 'viewer', 'invoices', ''],
    ['g', '', 'viewer'],
    ['g', 'viewer', ''],
  ];
  expect(toDefinition(toRules(rules), ROLE_FORM)).toEqual({ rules });
});

test('YAML has the actions of a resource in one line', async () => {
  expect(await policyToYaml(toDefinition(toRules(RULES), ROLE_FORM))).toBe(
    `roles:
  viewer:
    permissions:
      invoices: [read]
  clerk:
    inherits: [viewer]
    permissions:
      invoices: [write]
      ledger: [read, close]
rules:
  - [g2, ledger, books]
`,
  );
});

test('TypeScript is a module that exports the policy', () => {
  const rules = toRules([...RULES.slice(0, 1), ['p', "it's", 'a-b', '"\n'], ['g', '__proto__', 'viewer']]);
  expect(policyToTypeScript(toDefinition(rules, ROLE_FORM))).toBe(
    `import { definePolicy } from 'casbin-bootstrap';

export const policy = definePolicy({
  roles: {
    viewer: {
      permissions: {
        invoices: ['read'],
      },
    },
    'it\\'s': {
      permissions: {
        'a-b': ['"\\n'],
      },
    },
    ['__proto__']: {
      inherits: ['viewer'],
    },
  },
});
`,
  );
});

const name = fc.oneof(
  fc.string({ minLength: 1, unit: 'grapheme' }),
  fc.constantFrom(
    'true',
    'null',
    '1',
    '1.0',
    'no',
    '__proto__',
    '~',
    '- a',
    "it's",
    '"',
    ' a ',
    '#',
    'a: b',
    '*x',
    '&y',
    '<<',
  ),
);
const anyRule = fc.oneof(
  fc.tuple(fc.constant('p'), name, name, name),
  fc.tuple(fc.constant('g'), name, name),
  fc.tuple(fc.constant('g2'), name, name),
);

test('written rules are read back as the same rules', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRule, { maxLength: 8 }), async (given) => {
      const definition = toDefinition(toRules(given), ROLE_FORM);
      const yaml = parseYaml('policy.yaml', await policyToYaml(definition));
      expect(yaml.problems).toEqual([]);
      const distinct = new Set(given.map((rule) => JSON.stringify(rule)));
      for (const read of [yaml.value as object, evaluate(policyToTypeScript(definition))]) {
        const rules = compilePolicy(read).map(({ ptype, values }) => JSON.stringify([ptype, ...values]));
        expect(new Set(rules)).toEqual(distinct);
        expect(rules).toHaveLength(distinct.size);
      }
    }),
  );
});

/** What the module exports, with definePolicy as it is. */
function evaluate(module: string): object {
  const body = module.replace(/^import.*\n/, '').replace('export const policy =', 'return');
  return new Function('definePolicy', body)((definition: object) => definition);
}
