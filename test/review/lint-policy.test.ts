import { newEnforcer, newModelFromString, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import { type BootstrapOptions, definePolicy, domainsModelPath, lintPolicy } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { writeTemporary } from '../policy/temporary-file.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'] },
  },
});

describe('linting a policy', () => {
  test('finds nothing in one that is right, and measures it', async () => {
    await expect(lintPolicy({ policy: POLICY })).resolves.toEqual({
      ok: true,
      problems: [],
      warnings: [],
      coverage: { covered: 2, total: 2, uncovered: [] },
    });
  });

  test('reports every problem of a file, in the order of its lines', async () => {
    const lines = [
      'roles:',
      '  a:',
      '    permissions: { x: [read, read] }',
      ...Array.from({ length: 9 }, (_, index) => `  b${index}: { permissions: {} }`),
      '  c: { inherits: [nobody] }',
      'deny: [[a, x, reed]]',
    ];
    const path = await writeTemporary('policy.yaml', lines.join('\n'));
    const { ok, problems, coverage } = await lintPolicy({ policy: path });
    expect({ ok, coverage }).toMatchObject({ ok: false, coverage: { uncovered: [['g', 'c', 'nobody']] } });
    expect(problems.map(({ at, code }) => [at.replace(path, ''), code])).toEqual([
      [':3:30', 'RULE_DUPLICATE'],
      [':13:19', 'ROLE_UNDEFINED'],
      [':14:15', 'REQUEST_NAME_UNKNOWN'],
    ]);
  });

  test('reports a matcher that can not be parsed, in a model with patterns', async () => {
    const m = 'g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) &&';
    const model = await writeTemporary('model.conf', modelText({ m }));
    const { problems } = await lintPolicy({ model, policy: { rules: [['p', 'a', '/b/:id', 'c']] } });
    expect(problems).toMatchObject([{ code: 'MODEL_INVALID', at: expect.stringContaining('model.conf:') }]);
  });

  test('reports what the model lacks together with the problems of the policy', async () => {
    const model = await writeTemporary(
      'model.conf',
      '[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.subb',
    );
    const { problems } = await lintPolicy({ model, policy: { rules: [['p', 'a', 'b']] } });
    expect(problems.map(({ code }) => code).sort()).toEqual(['MODEL_NAME_UNDEFINED', 'RULE_WRONG_LENGTH']);
  });

  test('finds effects that are neither allow nor deny, and priorities that are no numbers, by their places', async () => {
    const p = 'priority, sub, obj, act, eft';
    const text = modelText({ p, e: 'priority(p.eft) || deny' });
    const lines = [
      'p, 1, eve, x, read, Deny',
      'p, 2, eve, x, read, allow',
      'p, high, eve, x, write, deny',
      'p, 3x, eve, y, read, deny',
    ];
    const policy = await writeTemporary('policy.csv', lines.join('\n'));
    const { problems } = await lintPolicy({ model: newModelFromString(text), policy });
    expect(problems).toEqual([
      {
        code: 'RULE_VALUE_INVALID',
        at: `${policy}:1:1`,
        message:
          'rule "p, 1, eve, x, read, Deny" has the effect "Deny", and Casbin uses only allow and deny: the rule decides nothing. Correct it.',
      },
      {
        code: 'RULE_VALUE_INVALID',
        at: `${policy}:3:1`,
        message:
          'rule "p, high, eve, x, write, deny" has the priority "high", which is not a number, so Casbin can\'t order the rules. Correct it.',
      },
    ]);
  });

  test.each([
    ['10.0.0.0/33', 32, '11.0.0.1', true],
    ['10.0.0.0/255.0.0.0', 32, '10.0.0.1', false],
    ['10.0.0.0/0x8', 32, '11.0.0.1', true],
    ['10.0.0.0/', 32, '10.0.0.1', false],
    ['fe80::/129', 128, 'fe80::1', false],
    ['fe80::/-1', 128, 'fe80::1', true],
  ])(
    'finds an address range with a mask that Casbin reads as another one: %s',
    async (range, most, ip, is) => {
      const model = newModelFromString(modelText({ m: 'r.sub == p.sub && ipMatch(r.obj, p.obj)' }));
      const { problems } = await lintPolicy({ model, policy: { rules: [['p', 'eve', range, 'read']] } });
      expect(problems).toEqual([
        {
          code: 'RULE_VALUE_INVALID',
          at: 'policy.rules[0]',
          message: `rule "p, eve, ${range}, read" has the address range "${range}", and its mask is not a number from 0 to ${most}, so Casbin matches other addresses. Correct it.`,
        },
      ]);
      expect(Util.ipMatchFunc(ip, range)).toBe(is);
    },
  );

  test.each(['10.0.0.0/0', '10.0.0.0/08', '10.0.0.0/32', 'fe80::/0', 'fe80::/128', '10.0.0.1'])(
    'takes an address range with a mask that means what it says: %s',
    async (range) => {
      const model = newModelFromString(modelText({ m: 'r.sub == p.sub && ipMatch(r.obj, p.obj)' }));
      const { problems } = await lintPolicy({ model, policy: { rules: [['p', 'eve', range, 'read']] } });
      expect(problems).toEqual([]);
    },
  );

  test.each([
    ['r.sub.Age > 18 &&', 'for which Casbin throws: Expected expression after && at character 17'],
    ['r.sub.Age > 18 r.sub', /^for which Casbin throws: two expressions follow each other/],
    ['', 'for which Casbin throws: it is empty'],
    ['r.sub.Age > 18) || (r.sub.Name == "eve"', null],
    [
      'r.subb == "eve"',
      'which uses "r.subb", and the model does not define it, so Casbin takes it for nothing',
    ],
    ['r.sub.Age > 18 && p.act != "x" || regexMatch(r.sub.Name, "^e")', null],
  ])('finds a condition of a rule that Casbin can not evaluate: %s', async (condition, fault) => {
    const text = modelText({ p: 'rule, obj, act', m: 'eval(p.rule) && r.obj == p.obj && r.act == p.act' });
    const model = newModelFromString(text);
    const { problems } = await lintPolicy({ model, policy: { rules: [['p', condition, 'data', 'read']] } });
    const own = problems.filter(({ code }) => code === 'RULE_VALUE_INVALID');
    expect(
      own.map(
        ({ message }) => / has the condition "(?:[^"\\]|\\.)*", (.*)\. Correct it\.$/.exec(message)?.[1],
      ),
    ).toEqual(fault === null ? [] : [typeof fault === 'string' ? fault : expect.stringMatching(fault)]);
    // Casbin throws, or denies what the condition seems to allow.
    const enforcer = await newEnforcer(newModelFromString(text));
    await enforcer.addPolicy(condition, 'data', 'read');
    const decision = enforcer.enforce({ Age: 20, Name: 'eve' }, 'data', 'read');
    await expect(decision.catch(() => false)).resolves.toBe(fault === null);
  });

  test('finds a request with more or fewer values than the model has, once', async () => {
    const policy = {
      ...POLICY,
      allow: [['viewer', 'invoices']],
      never: [['viewer', 'acme', 'invoices', 'write']],
      samples: [['viewer']],
    };
    const { problems } = await lintPolicy({ policy });
    const message = (values: string) =>
      `the request has ${values}, but requests of the model have 3: sub, obj, act.`;
    expect(problems).toEqual([
      { code: 'OPTION_INVALID', at: 'policy.allow[0]', message: message('2 values') },
      { code: 'OPTION_INVALID', at: 'policy.never[0]', message: message('4 values') },
      { code: 'OPTION_INVALID', at: 'policy.samples[0]', message: message('1 value') },
    ]);
  });

  test('takes any priority where no effect depends on the order of rules', async () => {
    const text = modelText({
      r: 'sub, obj, act, priority',
      p: 'sub, obj, act, priority',
      m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act && r.priority == p.priority',
    });
    const policy = { rules: [['p', 'eve', 'x', 'read', 'high']], allow: [['eve', 'x', 'read', 'high']] };
    const { problems } = await lintPolicy({ model: newModelFromString(text), policy });
    expect(problems).toEqual([]);
  });

  test('finds a policy that contradicts itself, also where a bootstrap would not verify', async () => {
    const policy = { ...POLICY, never: [['viewer', 'invoices', 'read']] };
    const options = { policy, verify: false } as const;
    for (const given of [options, { ...options, [Symbol.toStringTag]: 'Module' }]) {
      await expect(lintPolicy(given)).resolves.toMatchObject({
        ok: false,
        problems: [{ code: 'EXPECTATION_CONTRADICTED', at: 'policy.never[0]' }],
      });
    }
  });

  test('requires that a percentage of the rules decides a request, and reports each other rule at its place', async () => {
    const path = await writeTemporary(
      'policy.yaml',
      'roles:\n  viewer: {}\n  clerk:\n    inherits: [viewer]\n  boss: { inherits: [clerk] }\nrules:\n  - [p, a, data, read]\n',
    );
    const report = await lintPolicy({ policy: path }, { coverage: 33 });
    expect(report).toMatchObject({
      ok: true,
      coverage: { covered: 1, total: 3 },
      warnings: [{ code: 'RULES_NOT_COVERED', at: `${path}:4:16` }],
    });
    const strict = await lintPolicy({ policy: path }, { coverage: 34 });
    expect(strict).toMatchObject({ ok: false, warnings: [] });
    expect(strict.problems.map(({ code, at }) => [code, at.replace(path, '')])).toEqual([
      ['COVERAGE_TOO_LOW', ':4:16'],
      ['COVERAGE_TOO_LOW', ':5:22'],
    ]);
    expect(strict.problems[0]?.message).toMatch(
      /^no request depends on "g, clerk, viewer"\. 1 of 3 rules decide one, and 34 % must\. /,
    );
  });

  test('reports once a part of a definition that is not covered for many tenants', async () => {
    const tenants = { roles: { clerk: { inherits: ['viewer'] }, viewer: {} }, tenants: ['a', 'b', 'c'] };
    const { problems } = await lintPolicy(
      { model: domainsModelPath, policy: { domains: tenants } },
      { coverage: 100 },
    );
    expect(problems).toMatchObject([
      {
        code: 'COVERAGE_TOO_LOW',
        at: 'policy.domains.roles.clerk.inherits[0]',
        message: expect.stringContaining('"g, clerk, viewer, a" and 2 more from here.'),
      },
    ]);
  });

  test('reports contradictions together with all other problems, each with rule, roles and their places', async () => {
    const path = await writeTemporary(
      'policy.yaml',
      [
        'roles:',
        '  manager: { permissions: { invoices: [approve, approve] } }',
        '  clerk: { inherits: [manager, nobody] }',
        'rules: []',
        'allow: [[clerk, invoices, read], [clerk, invoices, delete]]',
        'deny: [[clerk, invoices, delete]]',
        'never: [[clerk, invoices, approve]]',
      ].join('\n'),
    );
    const { problems, warnings, coverage } = await lintPolicy({ policy: path });
    expect(warnings).toEqual([]);
    expect(problems.map(({ at, code, message }) => [at.replace(path, ''), code, message])).toEqual([
      [':2:49', 'RULE_DUPLICATE', expect.anything()],
      [':3:32', 'ROLE_UNDEFINED', expect.anything()],
      [
        ':5:9',
        'EXPECTATION_CONTRADICTED',
        '"clerk, invoices, read" is listed under allow, but the definition itself makes it deny: no rule allows it. Correct one of them.',
      ],
      [':5:34', 'EXPECTATION_CONTRADICTED', expect.stringContaining('under allow, but')],
      [
        ':6:8',
        'EXPECTATION_CONFLICT',
        `"clerk, invoices, delete" is listed under deny, and under allow at ${path}:5:34. Remove it from one of them.`,
      ],
      [
        ':7:9',
        'EXPECTATION_CONTRADICTED',
        `"clerk, invoices, approve" is listed under never, but the definition itself makes it allow: by "p, manager, invoices, approve", through clerk → manager (${path}:2:40, ${path}:3:23). Correct one of them.`,
      ],
    ]);
    expect(coverage).toMatchObject({ total: 4 });
  });

  test('warns beside a problem of what no request can prove, and not of untested rules', async () => {
    const text = modelText({}).replace(/^m = .*$/m, '$&\nm2 = r.sub == p.sub');
    const policy = { rules: [['p', 'a', 'x', 'read']], deny: [['a', 'x', 'read']] };
    const { problems, warnings } = await lintPolicy({ model: newModelFromString(text), policy });
    expect(problems.map(({ code }) => code)).toEqual(['EXPECTATION_CONTRADICTED']);
    expect(warnings).toMatchObject([{ code: 'CONTEXT_NOT_VERIFIED', at: 'policy' }]);
  });

  test('reports a request with a misspelt name only once, for that name', async () => {
    const policy = {
      ...POLICY,
      allow: [['clrk', 'invoices', 'read']],
      deny: [['clerk', 'invoices', 'reed']],
    };
    const { problems } = await lintPolicy({ policy });
    expect(problems.map(({ code, at }) => [code, at])).toEqual([
      ['REQUEST_NAME_UNKNOWN', 'policy.allow[0][0]'],
      ['REQUEST_NAME_UNKNOWN', 'policy.deny[0][2]'],
    ]);
  });

  test.each([
    [
      'a circle of roles',
      { roles: { a: { inherits: ['b'], permissions: { x: ['read'] } }, b: { inherits: ['a'] } } },
      'ROLE_CYCLE',
    ],
    [
      'a rule of another length',
      {
        rules: [
          ['p', 'a', 'x', 'read'],
          ['p', 'a', 'x'],
        ],
      },
      'RULE_WRONG_LENGTH',
    ],
    ['no rule', { rules: [] }, 'POLICY_EMPTY'],
  ])('does not decide on a policy with %s', async (_, policy, code) => {
    const contradicted = code === 'POLICY_EMPTY' ? 'allow' : 'deny';
    const report = await lintPolicy({ policy: { ...policy, [contradicted]: [['a', 'x', 'read']] } });
    expect(report).toMatchObject({ ok: false, problems: [{ code }], warnings: [], coverage: null });
  });

  test.each([-1, 101, Number.NaN, '50' as never])('refuses %s as a percentage', async (coverage) => {
    await expect(lintPolicy({ policy: POLICY }, { coverage })).rejects.toMatchObject({
      problems: [
        { code: 'OPTION_INVALID', at: 'coverage', message: expect.stringContaining('from 0 to 100') },
      ],
    });
  });

  test.each([
    ['polcy', { polcy: 'policy.yaml' }, 'OPTION_UNKNOWN'],
    ['policyFile', { policyFile: 'policy.yaml' }, 'OPTION_UNKNOWN'],
    ['schema', { schema: 7 }, 'OPTION_INVALID'],
    ['seeders[0].name', { seeders: [{ seed: () => ({ inserted: 0, existing: 0 }) }] }, 'OPTION_INVALID'],
  ])('refuses what is wrong with an option other than model and policy: %s', async (at, option, code) => {
    const given = { policy: { roles: { a: { inherits: ['b'] } } }, ...option } as BootstrapOptions;
    await expect(lintPolicy(given)).rejects.toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({ at, code }),
        expect.objectContaining({ code: 'ROLE_UNDEFINED' }),
      ]),
    });
  });

  test('reports a misspelt role that is not defined once, and warns of one in a raw rule', async () => {
    const roles = { viewer: { permissions: { invoices: ['read'] } }, clerk: { inherits: ['viewr'] } };
    const undefinedRole = { code: 'ROLE_UNDEFINED', at: 'policy.roles.clerk.inherits[0]' };
    const inRole = await lintPolicy({ policy: { roles } });
    expect(inRole).toMatchObject({ problems: [undefinedRole], warnings: [] });

    const inBoth = await lintPolicy({ policy: { roles, rules: [['g', 'alice', 'vewer']] } });
    const misspelt = { code: 'ROLE_MISSPELT', message: expect.stringContaining('"g, alice, vewer"') };
    expect(inBoth).toMatchObject({ problems: [undefinedRole], warnings: [misspelt] });
  });

  test('reports problems in the shape of a policy', async () => {
    const policy = { roles: { a: { permisions: {} } } } as never;
    expect(await lintPolicy({ policy })).toMatchObject({
      problems: [{ at: 'policy.roles.a.permisions', code: 'OPTION_UNKNOWN' }],
    });
  });

  test('has nothing to check without options or where a file is missing', async () => {
    await expect(lintPolicy(null as never)).rejects.toMatchObject({ problems: [{ at: 'options' }] });
    await expect(lintPolicy({ policy: 'none.yaml' })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(lintPolicy({ policy: POLICY, model: 'none.conf' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});
