import { Enforcer, newModelFromString } from 'casbin';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type PolicyTestFilter, testPolicy } from '../../src/index.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';
import { listTestRemarks, renderTests } from '../../src/render/tests.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { POLICY, TESTS, testText } from './policy-tests.fixture.ts';

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
    const before = performance.now();
    const { path, report } = await testText(TESTS);
    expect(report.durationMs).toBeLessThanOrEqual(performance.now() - before);
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
    const { report } = await testText(`given: [[g, bob, viewer]]\ntests: [{ name: a, ${allow} }]`);
    expect(report.ok).toBe(true);
  });

  test('may be chosen by subject and by name', async () => {
    const chosen = async (filter: PolicyTestFilter) =>
      (await testText(TESTS, filter)).report.tests.map(({ at }) => at.split(':').at(-2));
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
    await expect(testText(text)).rejects.toMatchObject({
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
    const error: unknown = await testText(text).catch((reason: unknown) => reason);
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
    const { path, report } = await testText(`
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
    const refusal = (message: string) => ({
      problems: [{ code: 'OPTION_INVALID', at: 'files', message: expect.stringMatching(message) }],
    });
    await expect(testPolicy([], { policy: POLICY })).rejects.toMatchObject(
      refusal('^the policy lists no such request .*, and no file of tests is given\\.'),
    );
    const path = await writeTemporary('tests.json', '{ "allow": [["clerk", "invoices", "read"]] }');
    for (const filter of [{ name: 'x' }, { subject: 'nobody' }]) {
      await expect(testPolicy([path], { policy: POLICY }, filter)).rejects.toMatchObject(
        refusal('^no request is left to test\\.'),
      );
    }
  });
});
