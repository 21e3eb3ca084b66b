import { isAbsolute, relative } from 'node:path';
import { type Enforcer, newModelFromString, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import { coverageToLcov, testPolicy } from '../../src/index.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';
import { listTestRemarks, renderTests } from '../../src/render/tests.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { POLICY } from '../review/policy-tests.fixture.ts';
import { writeTemporary } from './temporary-file.ts';

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
