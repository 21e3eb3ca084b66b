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
