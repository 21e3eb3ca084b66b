import { describe, expect, test } from 'vitest';
import { renderAnnotations, renderCompact, renderJunit } from '../../src/render/remark-formats.ts';
import { listTestRemarks, renderTests } from '../../src/render/tests.ts';
import { TESTS, testText } from '../review/policy-tests.fixture.ts';

describe('the result of tests', () => {
  test('has the reason of each failure', async () => {
    const { path, report } = await testText(TESTS);
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
    const { report: passed } = await testText(TESTS, { subject: 'bob' });
    expect(renderTests({ ...passed, durationMs: 4 })).toBe(
      '2 requests decided as expected (4 ms). 1 of 3 rules tested (33 %).',
    );
    const coverage = { covered: 0, total: 0, rules: [] };
    expect(renderTests({ ...passed, coverage, durationMs: 4 })).toBe(
      '2 requests decided as expected (4 ms). The policy has no rules.',
    );
  });

  test('has the error of a request that Casbin can not decide, and shows control characters', async () => {
    const { report } = await testText(TESTS, { subject: 'bob' });
    const tests = report.tests.map((one) => ({
      ...one,
      ...{ ok: false, name: 'a\u009b', at: 'b\u009b:1:1', explanation: null, error: 'no\u009bthing' },
    }));
    const warnings = [{ code: 'NAME_MISSPELT', at: 'c\u009b', message: 'Who?' }] as const;
    const problems = [{ code: 'COVERAGE_TOO_LOW', at: 'd\u009b:1', message: 'Too few.' }] as const;
    const told = renderTests({ ...report, tests, warnings, problems });
    expect(told).toContain(
      "b\\u009b:1:1: a\\u009b: bob, invoices, read must be allowed\n  Casbin can't decide it: no\\u009bthing",
    );
    expect(told).toContain(
      '\n\nc\\u009b: warning: Who?\nd\\u009b:1: Too few.\n\n2 requests of 2 not decided as expected',
    );
    expect(told).not.toContain('\u009b');
    expect(listTestRemarks({ ...report, tests })[0]).toMatchObject({
      level: 'error',
      message: 'no\u009bthing',
    });
  });

  test('is in green or red where colours are wanted', async () => {
    const { report } = await testText(TESTS);
    const tell = (ok: boolean) =>
      renderTests({ ...report, tests: report.tests.map((one) => ({ ...one, ok })) }, { color: true });
    expect(tell(true)).toContain('\u001b[1m\u001b[32m4 requests decided');
    expect(tell(false)).toContain(`\u001b[31m${report.tests[0]?.at}: `);
    expect(tell(false)).toContain('\u001b[1m\u001b[31m4 requests of 4 not decided');
  });

  test('lists the first of many rules with the number of their requests, where that is asked for', async () => {
    const { report } = await testText(TESTS);
    const rules = Array.from({ length: 1_202 }, (_, n) => {
      return { rule: ['p', `role${n}`, 'x', 'y'], at: `policy.yaml:${n}`, requests: n * 10 };
    });
    const coverage = { covered: 1_201, total: 1_202, rules };
    const told = renderTests({ ...report, coverage }, { coverage: true });
    expect(told).toMatch(/\n {5}1,990 {2}p, role199, x, y {2}policy\.yaml:199\n {2}… and 1,002 more\n/);
    expect(told).not.toContain('role200');
    expect(told).toMatch(/1,201 of 1,202 rules tested \(99 %\)\.$/);
    expect(renderTests({ ...report, coverage })).not.toContain('role1,');
  });

  test('is JUnit', async () => {
    const { path, report } = await testText(
      TESTS.replace('bob, invoices, read', '"bo\\u0001b", invoices, read'),
    );
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
    const { path, report } = await testText(TESTS);
    expect(renderCompact(listTestRemarks(report)).split('\n')).toEqual([
      `${path}:5:5: bob, invoices, read must be allowed: ok`,
      `${path}:11:9: clerks write: alice, invoices, write must be allowed: ok`,
      `${path}:13:9: clerks write: bob, invoices, write must be denied: ok`,
      `${path}:16:9: nobody else <&": alice, invoices, write must be allowed: failed, denied: no rule allows it [DECISION_UNEXPECTED]`,
    ]);
  });

  test('is annotations of GitHub', async () => {
    const { path, report } = await testText(TESTS);
    expect(renderAnnotations(listTestRemarks(report), '')).toMatch(
      new RegExp(
        `^::error file=${path},line=16,col=9,title=DECISION_UNEXPECTED::nobody else .*%0A {2}request`,
      ),
    );
  });
});
