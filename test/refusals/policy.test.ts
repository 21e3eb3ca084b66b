import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { domainsModelPath } from '../../src/index.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { problemsOf, refusalOf } from './refusal.fixture.ts';

/** `role-0` inherits from `role-1` and so on, over so many links. */
function chain(links: number) {
  const names = Array.from({ length: links + 1 }, (_, index) => `role-${index}`);
  const inherit = names.map((name, index) => [name, { inherits: names.slice(index + 1, index + 2) }]);
  return Object.fromEntries(inherit);
}

async function codesOf(policy: object) {
  const problems = await problemsOf({ policy });
  return problems.map(({ code, at }) => `${at} ${code}`);
}

describe('a rule that the model has no place for', () => {
  test.each([
    [
      ['p', 'a', 'b'],
      'RULE_WRONG_LENGTH',
      'rule "p, a, b" has 2 values, but the model defines 3: p = sub, obj, act. Make them agree.',
    ],
    [
      ['p', 'a'],
      'RULE_WRONG_LENGTH',
      'rule "p, a" has 1 value, but the model defines 3: p = sub, obj, act. Make them agree.',
    ],
    [
      ['p', 'a', 'b', 'c', 'allow'],
      'RULE_WRONG_LENGTH',
      'rule "p, a, b, c, allow" has 4 values, but the model defines 3: p = sub, obj, act. Make them agree.',
    ],
    [
      ['g', 'a', 'b', 'domain'],
      'RULE_WRONG_LENGTH',
      'rule "g, a, b, domain" has 3 values, but the model defines 2: g = _, _. Make them agree.',
    ],
    [
      ['p2', 'a', 'b', 'c'],
      'RULE_UNKNOWN_PTYPE',
      'rule "p2, a, b, c" has ptype "p2", which the model does not define. Use one of p, g, or define it in the model.',
    ],
    [
      ['P', 'a', 'b', 'c'],
      'RULE_UNKNOWN_PTYPE',
      'rule "P, a, b, c" has ptype "P", which the model does not define. Use one of p, g, or define it in the model.',
    ],
    [
      ['', 'a', 'b', 'c'],
      'RULE_UNKNOWN_PTYPE',
      'rule """, a, b, c" has ptype "", which the model does not define. Use one of p, g, or define it in the model.',
    ],
    [
      ['toString', 'a', 'b', 'c'],
      'RULE_UNKNOWN_PTYPE',
      'rule "toString, a, b, c" has ptype "toString", which the model does not define. Use one of p, g, or define it in the model.',
    ],
  ])('is refused: %j', async (rule, code, message) => {
    const problems = await problemsOf({ policy: { rules: [['p', 'a', 'b', 'c'], rule] } });
    expect(problems).toEqual([{ code, at: 'policy.rules[1]', message }]);
  });

  test('is refused for each rule of a policy of another model', async () => {
    const model = newModelFromString(
      modelText({ r: 'sub, obj', p: 'sub, obj', g: [], m: 'r.sub == p.sub && r.obj == p.obj' }),
    );
    const problems = await problemsOf({ model });
    expect(problems).toHaveLength(16);
  });

  test.each([
    [
      { permissions: { b: ['c'] } },
      'rule "p, a, b, c" has 3 values, but the model defines 4: p = sub, dom, obj, act.',
    ],
    [{ inherits: ['b'] }, 'rule "g, a, b" has 2 values, but the model defines 3: g = _, _, _.'],
  ])('is refused in a role, with where to write it: %j', async (a, fact) => {
    const problems = await problemsOf({ policy: { roles: { a, b: {} } }, model: domainsModelPath });
    expect(problems.map(({ message }) => message)).toEqual([
      `${fact} Roles make rules of this form only: write it under rules, or, if the model has tenants, write the roles under domains.`,
    ]);
  });
});

describe('a role', () => {
  test('that inherits from an undefined one is refused', async () => {
    const problems = await problemsOf({
      policy: { roles: { editor: { inherits: ['author', 'toString', 'editors'] }, Author: {} } },
    });
    expect(problems.map(({ code, at }) => `${at} ${code}`)).toEqual([
      'policy.roles.editor.inherits[0] ROLE_UNDEFINED',
      'policy.roles.editor.inherits[1] ROLE_UNDEFINED',
      'policy.roles.editor.inherits[2] ROLE_UNDEFINED',
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      'role "editor" inherits from "author", which is not defined. Did you mean "Author"? If not, add it under roles, or remove the inheritance.',
      'role "editor" inherits from "toString", which is not defined. Add it under roles, or remove the inheritance.',
      'role "editor" inherits from "editors", which is not defined. Add it under roles, or remove the inheritance.',
    ]);
  });

  test('with an empty name, resource or action is refused', async () => {
    const problems = await problemsOf({
      policy: {
        roles: { '': { inherits: ['a'] }, a: { permissions: { '': ['read'], invoices: ['read', ''] } } },
        rules: [['p', '', '', '']],
      },
    });
    const describeEmpty = (what: string) =>
      `the name of a ${what} is empty, so requests with an empty ${what} would match. Write the name. If it must be empty, write the rules themselves under rules.`;
    expect(problems).toEqual([
      { code: 'NAME_EMPTY', at: 'policy.roles[""]', message: describeEmpty('role') },
      { code: 'NAME_EMPTY', at: 'policy.roles.a.permissions[""]', message: describeEmpty('resource') },
      { code: 'NAME_EMPTY', at: 'policy.roles.a.permissions.invoices[1]', message: describeEmpty('action') },
    ]);
  });

  test('with an empty name is refused under domains as well, and so is a tenant', async () => {
    const problems = await problemsOf({
      policy: { domains: { roles: { '': { permissions: { a: ['b'] } } }, tenants: ['one', ''] } },
      model: domainsModelPath,
    });
    expect(problems.map(({ code, at }) => `${at} ${code}`)).toEqual([
      'policy.domains.roles[""] NAME_EMPTY',
      'policy.domains.tenants[1] NAME_EMPTY',
    ]);
  });

  test.each([
    [{ roles: { a: { inherits: ['a'] } } }, 'policy.roles.a.inherits[0]'],
    [{ rules: [['g', 'a', 'a']] }, 'policy.rules[0]'],
  ])('that inherits from itself is refused: %j', async (policy, at) => {
    expect(await problemsOf({ policy })).toEqual([
      { code: 'ROLE_INHERITS_ITSELF', at, message: 'role "a" inherits from itself. Remove the inheritance.' },
    ]);
  });

  test.each([
    [{ roles: { a: { inherits: ['b'] }, b: { inherits: ['a'] } } }, 'a → b → a'],
    [{ roles: { a: { inherits: ['b'] }, b: { inherits: ['c'] }, c: { inherits: ['a'] } } }, 'a → b → c → a'],
    [{ roles: { x: { inherits: ['a'] }, a: { inherits: ['b'] }, b: { inherits: ['a'] } } }, 'a → b → a'],
    [{ roles: { a: { inherits: ['b'] }, b: {} }, rules: [['g', 'b', 'a']] }, 'a → b → a'],
  ])('that inherits in a circle is refused, with the circle: %j', async (policy, path) => {
    expect(await problemsOf({ policy })).toMatchObject([
      {
        code: 'ROLE_CYCLE',
        message: `roles inherit from each other in a circle: ${path}. Remove one of the links.`,
      },
    ]);
  });

  test('that inherits in two circles is reported with both', async () => {
    const roles = { a: { inherits: ['b', 'c'] }, b: { inherits: ['a'] }, c: { inherits: ['a'] } };
    expect(await codesOf({ roles })).toEqual([
      'policy.roles.a.inherits[0] ROLE_CYCLE',
      'policy.roles.a.inherits[1] ROLE_CYCLE',
    ]);
  });

  test('that inherits in a circle of thousands is reported with the beginning and the end of the circle', async () => {
    const roles = { ...chain(5000), 'role-5000': { inherits: ['role-0'] } };
    const problems = await problemsOf({ policy: { roles } });
    const cycle = problems.find(({ code }) => code === 'ROLE_CYCLE');
    expect(cycle?.message).toMatch(/: role-0 → role-1 → .* → … 4986 more … → .* → role-5000 → role-0\./);
  });

  test('may inherit over ten links, and over no more', async () => {
    const database = await createDatabase();
    const roles = chain(11);
    expect(await problemsOf({ policy: { roles } })).toEqual([
      {
        code: 'ROLE_TOO_DEEP',
        at: 'policy.roles.role-0.inherits[0]',
        message: expect.stringMatching(
          /^role "role-0" inherits over 11 links, and Casbin silently stops at 10: role-0 → .* → role-11\. Flatten the hierarchy\.$/,
        ),
      },
    ]);
    expect(
      (await refusalOf(database, { policy: { roles: chain(10), rules: [['p', 'a']] } })).message,
    ).not.toContain('links');
  });

  test('is checked by domain where there are domains', async () => {
    const model = newModelFromString(
      modelText({
        r: 'sub, dom, obj',
        p: 'sub, dom, obj',
        g: ['g = _, _, _'],
        m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj',
      }),
    );
    const rules = [
      ['g', 'a', 'b', 'one'],
      ['g', 'b', 'a', 'two'],
      ['g', 'b', 'c', 'two'],
      ['g', 'c', 'b', 'two'],
    ];
    const problems = await problemsOf({ model, policy: { rules } });
    expect(problems).toMatchObject([{ code: 'ROLE_CYCLE', at: 'policy.rules[2]' }]);
  });
});

describe('a rule that is there twice', () => {
  test.each([
    [{ roles: { a: { permissions: { x: ['read', 'read'] } } } }, 'p, a, x, read'],
    [{ roles: { a: { inherits: ['b', 'b'] }, b: {} } }, 'g, a, b'],
    [{ roles: { a: { permissions: { x: ['read'] } } }, rules: [['p', 'a', 'x', 'read']] }, 'p, a, x, read'],
    [
      {
        rules: [
          ['p', 'a', '', 'c'],
          ['p', 'a', '', 'c'],
        ],
      },
      'p, a, "", c',
    ],
  ])('is refused, with both places: %j', async (policy, rule) => {
    const problems = await problemsOf({ policy });
    expect(problems).toMatchObject([{ code: 'RULE_DUPLICATE', at: expect.stringMatching(/^policy\.r/) }]);
    expect(problems[0]?.message).toMatch(
      /^rule ".*" is already defined at policy\.r\S+\. Remove one of them\.$/,
    );
    expect(problems[0]?.message).toContain(`"${rule}"`);
  });
});

describe('a value', () => {
  test.each([
    ['a comma', ['a,b', 'x', 'y'], 'it is loaded as "p, a, b, x, y"'],
    ['a quote in front', ['"a"', 'x', 'y'], 'it is loaded as "p, a, x, y"'],
    ['a quote that is never closed', ['"a', 'x', 'y'], 'it'],
    ['two quotes', ['a', 'x""y', 'z'], 'it is loaded as'],
    ['a leading blank', [' admin', 'x', 'y'], 'it is loaded as "p, admin, x, y"'],
    ['a blank at the end', ['admin ', 'x', 'y'], 'it is loaded as "p, admin, x, y"'],
    ['a tab at the end', ['admin', 'x', 'y\t'], 'it is loaded as "p, admin, x, y"'],
    ['a no-break space in front', ['\u00a0admin', 'x', 'y'], 'it is loaded as "p, admin, x, y"'],
    ['an open bracket', ['f(x', 'x', 'y'], 'it makes every loadPolicy throw'],
    ['a closing bracket', ['f)x', 'x', 'y'], 'it makes every loadPolicy throw'],
    ['brackets that match only those of another value', ['f(x', 'y)', 'z'], 'it is loaded as'],
    ['brackets that match only in another order', ['f)x', 'y(', 'z'], 'it is loaded as'],
    ['a line break', ['a\nb', 'x', 'y'], 'it'],
    ['a carriage return', ['a', 'x\r', 'y'], 'it'],
  ])('with %s is refused, with what would become of it', async (_, values, outcome) => {
    const problems = await problemsOf({ policy: { rules: [['p', ...values]] } });
    expect(problems).toMatchObject([{ code: 'VALUE_DISTORTED', at: 'policy.rules[0]' }]);
    expect(problems[0]?.message).toMatch(/^Casbin's own loader can't read the rule ".*" as written: it /s);
    expect(problems[0]?.message).toContain(`as written: ${outcome}`);
  });

  test('that would be distorted is refused in a name of a role, a resource and an action alike', async () => {
    expect(
      await codesOf({
        roles: {
          'a,b': { permissions: { x: ['read'] } },
          c: { permissions: { 'y z,': ['read'], x: [' write'] } },
        },
      }),
    ).toEqual([
      'policy.roles["a,b"].permissions.x[0] VALUE_DISTORTED',
      'policy.roles.c.permissions["y z,"][0] VALUE_DISTORTED',
      'policy.roles.c.permissions.x[0] VALUE_DISTORTED',
    ]);
  });

  test.each([
    ['NUL', 'a\0b', 'a NUL character'],
    ['the first half of a surrogate pair', 'a\ud83d', 'half of a surrogate pair'],
    ['the second half of a surrogate pair', '\udc00b', 'half of a surrogate pair'],
  ])('with %s is refused in a rule and in the name of a role', async (_, value, what) => {
    const problems = await problemsOf({
      policy: {
        roles: { [value]: { permissions: { x: ['read'] }, inherits: [value] } },
        rules: [['p', 'a', 'b', value]],
      },
    });
    expect(problems.map(({ code }) => code).sort()).toEqual([
      'ROLE_INHERITS_ITSELF',
      'VALUE_UNSTORABLE',
      'VALUE_UNSTORABLE',
      'VALUE_UNSTORABLE',
    ]);
    const unstorable = problems.filter(({ code }) => code === 'VALUE_UNSTORABLE');
    for (const { message } of unstorable) {
      expect(message).toBe(
        `value ${JSON.stringify(value)} holds ${what}, which PostgreSQL can't store. Remove it.`,
      );
    }
  });
});

test('everything that is wrong is reported at once, and nothing is done', async () => {
  const database = await createDatabase();
  const error = await refusalOf(database, {
    policy: {
      roles: { a: { inherits: ['nobody', 'a'] } },
      rules: [
        ['x', 'y'],
        ['p', 'a'],
        ['p', 'a,b', 'c', 'd'],
        ['p', '\0', 'c', 'd'],
        ['g', 'a', 'a'],
      ],
    },
    seeders: [
      { name: 'rbac', seed() {} },
      rowSeeder({ name: 'rows', table: 't', key: 'id', rows: [{ id: 1 }, { id: 1 }] }),
    ],
  });
  expect(error).toMatchObject({ code: 'INVALID_OPTIONS' });
  expect(new Set(Reflect.get(error, 'problems').map(({ code }: { code: string }) => code))).toEqual(
    new Set([
      'ROLE_UNDEFINED',
      'ROLE_INHERITS_ITSELF',
      'RULE_UNKNOWN_PTYPE',
      'RULE_WRONG_LENGTH',
      'RULE_DUPLICATE',
      'VALUE_DISTORTED',
      'VALUE_UNSTORABLE',
      'SEEDER_DUPLICATE',
      'ROW_DUPLICATE',
    ]),
  );
});

test.each([
  ['a BigInt', 1n, 'policy.rules[0][2]'],
  ['a symbol', Symbol('x'), 'policy.rules[0][2]'],
  ['null', null, 'policy.rules[0][2]'],
])('a definition with %s in a rule is refused with its place', async (_, value, at) => {
  expect(await problemsOf({ policy: { rules: [['p', 'alice', value, 'read']] } })).toMatchObject([
    { code: 'OPTION_INVALID', at },
  ]);
});

test.each(['roles', 'permissions'])(
  '%s that are written as __proto__ in a literal are refused',
  async (part) => {
    const inherited = { __proto__: { admin: {} } };
    const policy = part === 'roles' ? { roles: inherited } : { roles: { a: { permissions: inherited } } };
    const problems = await problemsOf({ policy });
    expect(problems).toMatchObject([{ code: 'OPTION_INVALID' }]);
    expect(problems[0]?.message).toContain('must have its own keys, but inherits admin.');
  },
);
