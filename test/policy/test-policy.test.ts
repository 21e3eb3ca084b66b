import { describe, expect, test } from 'vitest';
import { definePolicy, type PolicyTestFilter, testPolicy } from '../../src/index.ts';
import { renderAnnotations } from '../../src/render/github.ts';
import { renderJunit } from '../../src/render/junit.ts';
import { annotateTests, renderTests } from '../../src/render/tests.ts';
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

async function run(text: string, filter: PolicyTestFilter = {}) {
  const path = await writeTemporary('policy.test.yaml', text);
  const report = await testPolicy([path], { policy: POLICY }, filter);
  return { path, report };
}

describe('tests of a policy', () => {
  test('are decided on the policy and what is given for them, and for them alone', async () => {
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

  test('may be chosen by subject and by name', async () => {
    const chosen = async (filter: PolicyTestFilter) =>
      (await run(TESTS, filter)).report.tests.map(({ at }) => at.split(':').at(-2));
    expect(await chosen({ subject: 'bob' })).toEqual(['5', '13']);
    expect(await chosen({ name: 'clerk' })).toEqual(['11', '13']);
    expect(await chosen({ name: 'clerk', subject: 'alice' })).toEqual(['11']);
  });

  test('are read from JSON too', async () => {
    const path = await writeTemporary(
      'tests.json',
      JSON.stringify({ allow: [['clerk', 'invoices', 'read']] }),
    );
    await expect(testPolicy([path], { policy: POLICY })).resolves.toMatchObject({ ok: true });
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
  });

  test.each<[string, string, object[]]>([
    ['unknown names', 'tests: [{ name: a, alow: [] }]', [{ code: 'OPTION_UNKNOWN', at: /:1:20$/ }]],
    ['a request that is no list', 'allow: [x]', [{ code: 'OPTION_INVALID', at: /:1:9$/ }]],
    ['a number', 'allow: [[a, b, 1]]', [{ code: 'OPTION_INVALID', at: /:1:16$/ }]],
    ['no YAML', 'allow: [', [{ code: 'POLICY_SYNTAX' }]],
    ['a request of another length', 'allow: [[a, b]]', [{ code: 'OPTION_INVALID', at: /:1:9$/ }]],
    [
      'a given rule that does not fit',
      'given: [[p, a]]\nallow: [[clerk, invoices, read]]',
      [{ code: 'RULE_WRONG_LENGTH', at: /:1:9$/ }],
    ],
    ['nothing to test', 'tests: []', [{ code: 'OPTION_INVALID', at: /^files$/ }]],
  ])('are refused with %s', async (_, text, problems) => {
    await expect(run(text)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: problems.map((problem) => ({
        ...problem,
        ...('at' in problem && { at: expect.stringMatching(problem.at as RegExp) }),
      })),
    });
  });

  test('are refused together with what is wrong with the policy, and without any file', async () => {
    await expect(testPolicy(['none.yaml', 'x.txt'], { policy: 'none.json' })).rejects.toMatchObject({
      problems: [{ at: 'none.json' }, { at: 'none.yaml' }, { at: 'x.txt' }],
    });
    await expect(testPolicy([], { policy: POLICY })).rejects.toMatchObject({ problems: [{ at: 'files' }] });
    const path = await writeTemporary('tests.json', '{ "allow": [["clerk", "invoices", "read"]] }');
    await expect(testPolicy([path], { policy: POLICY }, { name: 'x' })).rejects.toMatchObject({
      problems: [{ at: 'files' }],
    });
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
        '1 request of 4 not decided as expected (4 ms).',
      ].join('\n'),
    );
    const { report: passed } = await run(TESTS, { subject: 'bob' });
    expect(renderTests({ ...passed, durationMs: 4 })).toBe('2 requests decided as expected (4 ms).');
  });

  test('is JUnit', async () => {
    const { path, report } = await run(TESTS.replace('bob, invoices, read', '"bo\\u0001b", invoices, read'));
    const xml = renderJunit({ ...report, durationMs: 4 });
    expect(xml).toContain('<testsuites name="casbin-bootstrap" tests="4" failures="2" time="0.004">');
    expect(xml).toContain(`<testsuite name="${path}" tests="4" failures="2">`);
    expect(xml).toContain('name="nobody else &#60;&#38;&#34;: alice, invoices, write must be allowed"');
    expect(xml).toContain('<failure message="denied: no rule allows it">  request  sub = alice');
    expect(xml).toContain('bo\\u0001b');
    expect(xml).not.toContain(String.fromCharCode(1));
    const [half] = report.tests.map((one) => ({ ...one, name: 'half \ud800' }));
    expect(
      renderJunit({ ok: true, tests: half === undefined ? [] : [half], durationMs: 0 }).isWellFormed(),
    ).toBe(true);
  });

  test('is annotations of GitHub', async () => {
    const { path, report } = await run(TESTS);
    expect(renderAnnotations(annotateTests(report))).toMatch(
      new RegExp(
        `^::error file=${path},line=16,col=9,title=Not decided as expected::nobody else .*%0A {2}request`,
      ),
    );
  });
});
