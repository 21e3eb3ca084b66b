import { isAbsolute, relative } from 'node:path';
import { Enforcer, newModelFromString, Util } from 'casbin';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { coverageToLcov, definePolicy, type PolicyTestFilter, testPolicy } from '../../src/index.ts';
import { renderAnnotations, renderCompact, renderJunit } from '../../src/render/remark-formats.ts';
import { listTestRemarks, renderTests } from '../../src/render/tests.ts';
import { modelText } from '../verification/verify.fixture.ts';
import { writeTemporary } from './temporary-file.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
const TESTS = `
given:
  - [g, bob, viewer]
allow:
  - [bob, invoices, read]
tests:
  - name: clerks write
    given:
      - [g, alice, clerk]
    allow:
      - [alice, invoices, write]
    deny:
      - [bob, invoices, write]
  - name: nobody else <&"
    allow:
      - [alice, invoices, write]
`;

const NOTHING = 'it has no requests. Write some under allow or deny.';

const POLICY_PARTS = [
  'roles',
  'domains',
  'rules',
  'never',
  'samples',
  'version',
  'retired',
  'renamed',
  'onRevoked',
];

async function run(text: string, filter: PolicyTestFilter = {}) {
  const path = await writeTemporary('policy.test.yaml', text);
  const report = await testPolicy([path], { policy: POLICY }, filter);
  return { path, report };
}

describe('tests of a policy', () => {
  test('are decided by the rules that can match, and explained by that decision', async () => {
    const names = Array.from({ length: 100 }, (_, index) => [`role${index}`, `object${index}`, 'read']);
    const failing = { allow: [...names, ['role0', 'object1', 'read']], deny: names.slice(0, 1) };
    const path = await writeTemporary('policy.test.json', JSON.stringify(failing));
    const sizes = new Set<number | undefined>();
    for (const method of ['enforceEx', 'enforceExSync'] as const) {
      const enforce: (...request: string[]) => unknown = Enforcer.prototype[method];
      const spy = vi.spyOn(Enforcer.prototype, method).mockImplementation(function (
        this: Enforcer,
        ...given
      ) {
        sizes.add(this.getModel().model.get('p')?.get('p')?.policy.length);
        return enforce.apply(this, given) as never;
      });
      onTestFinished(() => spy.mockRestore());
    }
    const policy = { rules: names.map((name) => ['p', ...name]) };

    const { tests, coverage } = await testPolicy([path], { policy });

    expect(coverage.covered).toBe(100);
    expect(tests.flatMap(({ explanation }) => explanation?.answer ?? [])).toEqual([
      'denied: no rule allows it',
      'allowed by the rule "p, role0, object0, read"',
    ]);
    expect([...sizes]).toEqual([1]);
  });

  test('may be any number', async () => {
    const never = Array.from({ length: 130_000 }, () => ['viewer', 'invoices', 'write']);
    const { ok, tests } = await testPolicy([], { policy: { ...POLICY, never } });
    expect({ ok, tests: tests.length }).toEqual({ ok: true, tests: 130_000 });
  });

  test('are decided on the policy and the rules that are given for them alone', async () => {
    const { path, report } = await run(TESTS);
    expect(report.ok).toBe(false);
    expect(
      report.tests.map(({ at, name, request, ok }) => [at.replace(path, ''), name, request.join(' '), ok]),
    ).toEqual([
      [':5:5', null, 'bob invoices read', true],
      [':11:9', 'clerks write', 'alice invoices write', true],
      [':13:9', 'clerks write', 'bob invoices write', true],
      [':16:9', 'nobody else <&"', 'alice invoices write', false],
    ]);
    expect(report.tests[3]).toMatchObject({
      file: path,
      expected: 'allow',
      actual: 'deny',
      error: null,
      explanation: { answer: 'denied: no rule allows it' },
    });
    expect(report.tests[0]?.explanation).toBeNull();
  });

  test('are decided on what is given for the whole file, too', async () => {
    const allow = 'allow: [[bob, invoices, read]]';
    const { report } = await run(`given: [[g, bob, viewer]]\ntests: [{ name: a, ${allow} }]`);
    expect(report.ok).toBe(true);
  });

  test('may be chosen by subject and by name', async () => {
    const chosen = async (filter: PolicyTestFilter) =>
      (await run(TESTS, filter)).report.tests.map(({ at }) => at.split(':').at(-2));
    expect(await chosen({ subject: 'bob' })).toEqual(['5', '13']);
    expect(await chosen({ name: 'clerk' })).toEqual(['11', '13']);
    expect(await chosen({ name: 'clerk', subject: 'alice' })).toEqual(['11']);
  });

  test('are chosen by the subject of the model, whatever its name and place', async () => {
    const text = modelText({ r: 'obj, user', p: 'obj, user', m: 'g(r.user, p.user) && r.obj == p.obj' });
    const policy = {
      rules: [['p', 'invoices', 'eve']],
      allow: [['invoices', 'eve']],
      deny: [['invoices', 'bob']],
    };
    const options = { policy, model: newModelFromString(text) };
    const { tests } = await testPolicy([], options, { subject: 'bob' });
    expect(tests.map(({ at }) => at)).toEqual(['policy.deny[0]']);
  });

  test('are decided on the given rules alone where no policy is defined, and not on the default one', async () => {
    const text =
      'given: [[p, eve, data, read]]\nallow: [[eve, data, read]]\ndeny: [[readonly, accounts, read]]';
    const path = await writeTemporary('tests.yaml', text);
    await expect(testPolicy([path], { policy: null })).resolves.toMatchObject({
      ok: true,
      coverage: { total: 0 },
    });
  });

  test.each(['json', 'JSON'])('are read from a .%s file too', async (ending) => {
    const path = await writeTemporary(
      `tests.${ending}`,
      JSON.stringify({ allow: [['clerk', 'invoices', 'read']] }),
    );
    await expect(testPolicy([path], { policy: POLICY })).resolves.toMatchObject({ ok: true });
  });

  test.each(['json', 'yaml'])('are read after a byte order mark: %s', async (ending) => {
    const path = await writeTemporary(
      `tests.${ending}`,
      '\uFEFF{ "allow": [["clerk", "invoices", "read"]] }',
    );
    await expect(testPolicy([path], { policy: POLICY })).resolves.toMatchObject({ ok: true });
  });

  test('are refused in another encoding, because a denied name would be another one', async () => {
    const text = 'deny: [[café, invoices, read]]';
    const path = await writeTemporary('tests.yaml', Buffer.from(text, 'latin1'));
    await expect(testPolicy([path], { policy: POLICY })).rejects.toMatchObject({
      problems: [{ code: 'POLICY_SYNTAX', at: path, message: expect.stringContaining('UTF-8') }],
    });
  });

  test('fail where Casbin can not decide', async () => {
    const configureEnforcer = () => {
      throw new Error('no enforcer');
    };
    const path = await writeTemporary(
      'tests.json',
      JSON.stringify({ allow: [['clerk', 'invoices', 'read']] }),
    );
    await expect(testPolicy([path], { policy: POLICY, configureEnforcer })).rejects.toThrow('no enforcer');

    const model = newModelFromString(
      modelText({ m: 'ipMatch(r.sub, p.sub) && r.obj == p.obj && r.act == p.act' }),
    );
    const policy = {
      rules: [['p', '10.0.0.0/8', 'invoices', 'read']],
      deny: [['nobody', 'invoices', 'read']],
    };
    expect(await testPolicy([], { model, policy })).toMatchObject({
      ok: false,
      tests: [{ expected: 'deny', actual: null, ok: false, error: expect.stringContaining('ipMatch') }],
    });
  });

  test('are explained by the enforcer that decided, also where the application disables it', async () => {
    const configureEnforcer = (enforcer: Enforcer) => enforcer.enableEnforce(false);
    const policy = { ...POLICY, deny: [['clerk', 'invoices', 'read']] };
    expect((await testPolicy([], { policy, configureEnforcer })).tests).toMatchObject([
      { actual: 'allow', ok: false, explanation: { answer: 'allowed: the enforcer is disabled' } },
    ]);
  });

  test.each<[string, string, object[]]>([
    ['unknown names', 'tests: [{ name: a, alow: [] }]', [{ code: 'OPTION_UNKNOWN', at: /:1:20$/ }]],
    [
      'parts of a policy',
      `${POLICY_PARTS.map((part) => `${part}: {}\n`).join('')}allow: [[clerk, invoices, read]]`,
      POLICY_PARTS.map((part, index) => ({
        code: 'OPTION_UNKNOWN',
        at: new RegExp(`:${index + 1}:1$`),
        message: `${part}: there is no such option. It belongs in the policy, not in a file of tests.`,
      })),
    ],
    ['a request that is no list', 'allow: [x]', [{ code: 'OPTION_INVALID', at: /:1:9$/ }]],
    ['a number', 'allow: [[a, b, 1]]', [{ code: 'OPTION_INVALID', at: /:1:16$/ }]],
    ['no YAML', 'allow: [', [{ code: 'POLICY_SYNTAX' }]],
    ['a request of another length', 'allow: [[a, b]]', [{ code: 'OPTION_INVALID', at: /:1:9$/ }]],
    [
      'a given rule that does not fit',
      'given: [[p, a]]\nallow: [[clerk, invoices, read]]',
      [{ code: 'RULE_WRONG_LENGTH', at: /:1:9$/ }],
    ],
    [
      'a rule that is given for one test and does not fit',
      'tests:\n  - name: a\n    given: [[p, a]]\n    allow: [[clerk, invoices, read]]',
      [{ code: 'RULE_WRONG_LENGTH', at: /:3:13$/ }],
    ],
    [
      'a given rule without values',
      'given: [[g]]\nallow: [[clerk, invoices, read]]',
      [{ code: 'OPTION_INVALID', at: /:1:9$/ }],
    ],
    ['nothing to test', 'tests: []', [{ code: 'OPTION_INVALID', at: /:1:1$/, message: NOTHING }]],
    ['nothing in it', '', [{ code: 'OPTION_INVALID', at: /\.yaml$/, message: NOTHING }]],
    [
      'a test without requests',
      'allow: [[clerk, invoices, read]]\ntests:\n  - { name: a, deny: [[clerk, invoices, delete]] }\n  - name: b\n',
      [{ code: 'OPTION_INVALID', at: /:4:5$/, message: NOTHING }],
    ],
    [
      'a key that is there twice, and something wrong with it',
      'allow: [x]\nallow: [y]\n',
      [{ code: 'POLICY_SYNTAX', at: /:2:1$/ }, { code: 'OPTION_INVALID' }],
    ],
  ])('are refused with %s', async (_, text, problems) => {
    await expect(run(text)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: problems.map((problem) => ({
        ...problem,
        ...('at' in problem && { at: expect.stringMatching(problem.at as RegExp) }),
      })),
    });
  });

  test('report a given rule that does not fit once, however many tests it is given for', async () => {
    const allow = 'allow: [[clerk, invoices, read]]';
    const text = `given: [[p, a]]\n${allow}\ntests: [{ name: a, ${allow} }, { name: b, ${allow} }]`;
    const error: unknown = await run(text).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ problems: [{ code: 'RULE_WRONG_LENGTH' }] });
    expect(error).not.toHaveProperty('problems.1');
  });

  test('refuse a given rule whose effect is neither allow nor deny', async () => {
    const model = newModelFromString(modelText({ p: 'sub, obj, act, eft' }));
    const path = await writeTemporary(
      't.yaml',
      'given:\n  - [p, eve, x, read, Deny]\ndeny:\n  - [eve, x, read]',
    );
    await expect(testPolicy([path], { policy: null, model })).rejects.toMatchObject({
      problems: [{ code: 'RULE_VALUE_INVALID', at: `${path}:2:5` }],
    });
  });

  test('refuse a defined rule whose effect is neither allow nor deny', async () => {
    const model = newModelFromString(modelText({ p: 'sub, obj, act, eft' }));
    const policy = { rules: [['p', 'eve', 'x', 'read', 'Deny']], deny: [['eve', 'x', 'read']] };
    await expect(testPolicy([], { policy, model })).rejects.toMatchObject({
      problems: [{ code: 'RULE_VALUE_INVALID', at: 'policy.rules[0]' }],
    });
  });

  test('refuse a given pattern that Casbin never finishes reading', async () => {
    const model = newModelFromString(modelText({ m: 'keyMatch3(r.obj, p.obj) && r.sub == p.sub' }));
    const path = await writeTemporary(
      'tests.yaml',
      'given:\n  - [p, eve, "/inv/{id", read]\nallow:\n  - [eve, /inv/7, read]',
    );
    await expect(testPolicy([path], { policy: POLICY, model })).rejects.toMatchObject({
      problems: [{ code: 'PATTERN_ENDLESS', at: `${path}:2:5` }],
    });
  });

  test('are those that the policy lists itself, where no file is given, and before those of files', async () => {
    const policy = {
      ...POLICY,
      allow: [['clerk', 'invoices', 'read']],
      deny: [['viewer', 'invoices', 'write']],
      never: [['clerk', 'invoices', 'write']],
    };
    const report = await testPolicy([], { policy });
    expect(report.ok).toBe(false);
    expect(report.tests.map((one) => [one.file, one.at, one.kind, one.expected, one.ok])).toEqual([
      ['policy', 'policy.allow[0]', 'allow', 'allow', true],
      ['policy', 'policy.deny[0]', 'deny', 'deny', true],
      ['policy', 'policy.never[0]', 'never', 'deny', false],
    ]);
    expect(renderCompact(listTestRemarks(report))).toContain(
      'policy.never[0]: clerk, invoices, write must never be allowed: failed, allowed by the rule',
    );
    const file = await writeTemporary('tests.json', '{ "allow": [["clerk", "invoices", "read"]] }');
    const both = await testPolicy([file], { policy });
    expect(both.tests.map((one) => one.file)).toEqual(['policy', 'policy', 'policy', file]);
    const chosen = await testPolicy([file], { policy }, { subject: 'viewer' });
    expect(chosen.tests.map((one) => one.at)).toEqual(['policy.deny[0]']);
  });

  test('have places of the policy file for what that lists itself', async () => {
    const path = await writeTemporary(
      'policy.yaml',
      'roles: { a: { permissions: { x: [read] } } }\nallow:\n  - [a, x, read]\n',
    );
    const { tests } = await testPolicy([], { policy: path });
    expect(tests).toMatchObject([{ file: path, at: `${path}:3:5`, ok: true }]);
  });

  test('report misspelt names, but not names that resemble none of the rules', async () => {
    const { path, report } = await run(`
given: [[g, robert, viewer]]
allow: [[robert, invoices, read]]
deny:
  - [clrk, invoices, write]
  - [stranger, invoices, read]
  - [robert, invoice, read]
  - [robert, invoices, reed]
  - [robret, accounts, delete]
  - [robert2, "invoices7", delete]
`);
    expect(report.ok).toBe(true);
    expect(report.warnings.map(({ at, message }) => [at.replace(path, ''), message])).toEqual([
      [':5:6', 'no rule has sub = "clrk". Did you mean "clerk"?'],
      [':7:14', 'no rule has obj = "invoice". Did you mean "invoices"?'],
      [':8:24', 'no rule has act = "reed". Did you mean "read"?'],
      [':9:6', 'no rule has sub = "robret". Did you mean "robert"?'],
    ]);
    expect(renderTests({ ...report, durationMs: 4 })).toMatch(
      /^.*:5:6: warning: no rule has sub = "clrk"\. Did you mean "clerk"\?\n.*\n.*\n.*\n\n7 requests decided as expected/,
    );
    expect(renderCompact(listTestRemarks(report))).toContain(
      `${path}:7:14: warning: no rule has obj = "invoice". Did you mean "invoices"? [NAME_MISSPELT]`,
    );
  });

  test('do not tell names that a pattern or a function may match', async () => {
    const model = await writeTemporary(
      'model.conf',
      modelText({ m: '(g(r.sub, p.sub) || r.sub == "root") && keyMatch(r.obj, p.obj) && r.act == p.act' }),
    );
    const policy = { rules: [['p', 'clerk', '/invoices/*', 'read']] };
    const file = await writeTemporary(
      'tests.yaml',
      'allow: [[clerk, /invoices/1, read]]\ndeny: [[clrk, /invoices/1, read], [clerk, /invoices/1, reed]]\n',
    );
    const { warnings } = await testPolicy([file], { model, policy });
    expect(warnings).toEqual([
      {
        code: 'NAME_MISSPELT',
        at: `${file}:2:56`,
        message: 'no rule has act = "reed". Did you mean "read"?',
      },
    ]);
    const own = { ...policy, deny: [['clerk', '/invoices/1', 'reed']] };
    expect(await testPolicy([], { model, policy: own })).toMatchObject({ ok: true, warnings: [] });
    const plain = await writeTemporary('tests.yaml', 'deny: [[clrk, invoices, read]]');
    const configured = await testPolicy([plain], { policy: POLICY, configureEnforcer: () => {} });
    expect(configured.warnings).toEqual([]);
  });

  test('are refused together with the problems of the policy, and also without any file', async () => {
    await expect(testPolicy(['none.yaml', 'x.txt'], { policy: 'none.json' })).rejects.toMatchObject({
      problems: [{ at: 'none.json' }, { at: 'none.yaml' }, { at: 'x.txt' }],
    });
    await expect(testPolicy([], { policy: POLICY })).rejects.toMatchObject({ problems: [{ at: 'files' }] });
    const path = await writeTemporary('tests.json', '{ "allow": [["clerk", "invoices", "read"]] }');
    for (const filter of [{ name: 'x' }, { subject: 'nobody' }]) {
      await expect(testPolicy([path], { policy: POLICY }, filter)).rejects.toMatchObject({
        problems: [{ at: 'files' }],
      });
    }
  });
});

describe('coverage of the policy by its tests', () => {
  const TEXT = `roles:
  viewer:
    permissions:
      invoices: [read, print]
  clerk:
    inherits: [viewer]
    permissions:
      invoices:
        - write
        - delete
`;

  async function measure(required = {}) {
    const policy = await writeTemporary('policy.yaml', TEXT);
    const file = await writeTemporary(
      'tests.yaml',
      `
tests:
  - name: by a role that is given
    given: [[g, alice, clerk], [p, alice, invoices, sign]]
    allow: [[alice, invoices, read], [alice, invoices, sign]]
  - name: as it is
    allow: [[clerk, invoices, write], [viewer, invoices, read]]
    deny: [[viewer, invoices, write]]
`,
    );
    return { policy, report: await testPolicy([file], { policy }, {}, required) };
  }

  test('counts the requests that depended on each rule, also by way of roles that are given', async () => {
    const { policy, report } = await measure();
    expect(report.coverage).toMatchObject({ covered: 3, total: 5 });
    expect(
      report.coverage.rules.map(({ rule, at, requests }) => [
        at.replace(policy, ''),
        rule.join(' '),
        requests,
      ]),
    ).toEqual([
      [':4:18', 'p viewer invoices read', 2],
      [':4:24', 'p viewer invoices print', 0],
      [':9:11', 'p clerk invoices write', 1],
      [':10:11', 'p clerk invoices delete', 0],
      [':6:16', 'g clerk viewer', 1],
    ]);
  });

  test('counts no rule where the matcher uses none', async () => {
    const model = newModelFromString(modelText({ m: 'r.sub == "root"' }));
    const policy = { rules: [['p', 'eve', 'x', 'read']], allow: [['root', 'x', 'read']] };
    const { ok, coverage } = await testPolicy([], { policy, model });
    expect(ok).toBe(true);
    expect(coverage).toMatchObject({ covered: 0, total: 1 });
  });

  test('counts a link that only a role manager can find, also in addition to a given role', async () => {
    const configureEnforcer = (enforcer: Enforcer) =>
      enforcer.addNamedMatchingFunc('g', Util.keyMatchFunc).then(() => {});
    const policy = {
      rules: [
        ['p', 'clerk', 'invoices', 'read'],
        ['g', 'staff-*', 'clerk'],
      ],
    };
    const file = await writeTemporary(
      'tests.yaml',
      'given: [[g, alice, staff-1]]\nallow: [[alice, invoices, read]]',
    );
    const { coverage } = await testPolicy([file], { policy, configureEnforcer });
    expect(coverage).toMatchObject({ covered: 2, total: 2 });
  });

  test('may be required, and each untested rule is then reported at its place', async () => {
    expect((await measure({ coverage: 60 })).report).toMatchObject({ ok: true, problems: [] });
    const { policy, report } = await measure({ coverage: 61 });
    expect(report.ok).toBe(false);
    expect(report.problems).toEqual([
      {
        code: 'COVERAGE_TOO_LOW',
        at: `${policy}:4:24`,
        message:
          'no request depends on "p, viewer, invoices, print". 3 of 5 rules decide one, and 61 % must. Write a request that depends on it, or remove the rule.',
      },
      { code: 'COVERAGE_TOO_LOW', at: `${policy}:10:11`, message: expect.anything() },
    ]);
    expect(renderCompact(listTestRemarks(report))).toContain(`${policy}:10:11: no request depends on`);
    await expect(measure({ coverage: 101 })).rejects.toMatchObject({ problems: [{ at: 'coverage' }] });
  });

  test('is text, with each rule where that is wanted', async () => {
    const { policy, report } = await measure();
    const shorter = {
      ...report.coverage,
      rules: report.coverage.rules.map((one) => ({ ...one, at: one.at.replace(policy, 'policy.yaml') })),
    };
    const text = renderTests({ ...report, coverage: shorter, durationMs: 4 }, { coverage: true });
    expect(text.split('\n')).toEqual([
      '  requests  rule                        place',
      '         2  p, viewer, invoices, read   policy.yaml:4:18',
      '         0  p, viewer, invoices, print  policy.yaml:4:24',
      '         1  p, clerk, invoices, write   policy.yaml:9:11',
      '         0  p, clerk, invoices, delete  policy.yaml:10:11',
      '         1  g, clerk, viewer            policy.yaml:6:16',
      '',
      '5 requests decided as expected (4 ms). 3 of 5 rules tested (60 %).',
    ]);
  });

  test('is LCOV, with the lines in order and a branch for each rule of a line', async () => {
    const { policy, report } = await measure();
    expect(coverageToLcov(report.coverage).split('\n')).toEqual([
      'TN:',
      `SF:${relative('', policy)}`,
      'BRDA:4,0,0,2',
      'BRDA:4,0,1,0',
      'BRF:2',
      'BRH:1',
      'DA:4,2',
      'DA:6,1',
      'DA:9,1',
      'DA:10,0',
      'LF:4',
      'LH:3',
      'end_of_record',
      '',
    ]);
    expect(isAbsolute(policy)).toBe(true);
    const inCode = { ...POLICY, allow: [['clerk', 'invoices', 'read']] };
    expect(coverageToLcov((await testPolicy([], { policy: inCode })).coverage)).toBe('');
  });
});

describe('the result', () => {
  test('has the reason of each failure', async () => {
    const { path, report } = await run(TESTS);
    expect(renderTests({ ...report, durationMs: 4 })).toBe(
      [
        `${path}:16:9: nobody else <&": alice, invoices, write must be allowed`,
        '  request  sub = alice, obj = invoices, act = write',
        '  answer   denied: no rule allows it',
        '  roles    no "g" rule gives alice a role',
        '  closest  p, clerk, invoices, write — alice is not clerk',
        '',
        '1 request of 4 not decided as expected (4 ms). 2 of 3 rules tested (66 %).',
      ].join('\n'),
    );
    const { report: passed } = await run(TESTS, { subject: 'bob' });
    expect(renderTests({ ...passed, durationMs: 4 })).toBe(
      '2 requests decided as expected (4 ms). 1 of 3 rules tested (33 %).',
    );
    const coverage = { covered: 0, total: 0, rules: [] };
    expect(renderTests({ ...passed, coverage, durationMs: 4 })).toBe(
      '2 requests decided as expected (4 ms). The policy has no rules.',
    );
  });

  test('is JUnit', async () => {
    const { path, report } = await run(TESTS.replace('bob, invoices, read', '"bo\\u0001b", invoices, read'));
    const xml = renderJunit(listTestRemarks(report), { name: 'test', durationMs: 4 });
    expect(xml).toContain('<testsuites name="casbin-bootstrap" tests="5" failures="2" time="0.004">');
    expect(xml).toContain(`<testsuite name="${path}" tests="5" failures="2">`);
    expect(xml).toContain('name="nobody else &#60;&#38;&#34;: alice, invoices, write must be allowed"');
    expect(xml).toContain(
      '<failure type="DECISION_UNEXPECTED" message="denied: no rule allows it">  request  sub = alice',
    );
    expect(xml).toContain('bo\\u0001b');
    expect(xml).not.toContain(String.fromCharCode(1));
    const [half] = report.tests.map((one) => ({ ...one, name: 'half \ud800' }));
    const remarks = listTestRemarks({ ...report, warnings: [], tests: half === undefined ? [] : [half] });
    expect(remarks).toHaveLength(1);
    expect(renderJunit(remarks, { name: 'test', durationMs: 0 }).isWellFormed()).toBe(true);
  });

  test('is a line for each request, with its place', async () => {
    const { path, report } = await run(TESTS);
    expect(renderCompact(listTestRemarks(report)).split('\n')).toEqual([
      `${path}:5:5: bob, invoices, read must be allowed: ok`,
      `${path}:11:9: clerks write: alice, invoices, write must be allowed: ok`,
      `${path}:13:9: clerks write: bob, invoices, write must be denied: ok`,
      `${path}:16:9: nobody else <&": alice, invoices, write must be allowed: failed, denied: no rule allows it [DECISION_UNEXPECTED]`,
    ]);
  });

  test('is annotations of GitHub', async () => {
    const { path, report } = await run(TESTS);
    expect(renderAnnotations(listTestRemarks(report), '')).toMatch(
      new RegExp(
        `^::error file=${path},line=16,col=9,title=DECISION_UNEXPECTED::nobody else .*%0A {2}request`,
      ),
    );
  });
});
