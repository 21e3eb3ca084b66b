import { expect, test } from 'vitest';
import { listLintRemarks, renderLint } from '../../src/render/lint.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';

const PROBLEM = {
  code: 'ROLE_UNDEFINED',
  at: 'policy.yaml:3:5',
  message: 'role "a\u001b[2J" is new.',
} as const;

test('a policy without problems is reported in one line', () => {
  const coverage = { covered: 1_015, total: 1_016, uncovered: [['p', 'a', 'b', 'c']] };
  expect(renderLint({ ok: true, problems: [], warnings: [], coverage })).toBe(
    'No problems. 1,015 of 1,016 rules decide at least one request.',
  );
  const one = { covered: 1, total: 1, uncovered: [] };
  expect(renderLint({ ok: true, problems: [], warnings: [], coverage: one })).toBe(
    'No problems. 1 of 1 rule decides at least one request.',
  );
  const none = { covered: 0, total: 0, uncovered: [] };
  expect(renderLint({ ok: true, problems: [], warnings: [], coverage: none })).toBe('No problems.');
});

test('each problem is a line that begins with its place, and can not change the terminal', () => {
  expect(renderLint({ ok: false, problems: [PROBLEM, PROBLEM], warnings: [], coverage: null })).toBe(
    [
      'policy.yaml:3:5: role "a\\u001b[2J" is new. [ROLE_UNDEFINED]',
      'policy.yaml:3:5: role "a\\u001b[2J" is new. [ROLE_UNDEFINED]',
      '',
      '2 problems.',
    ].join('\n'),
  );
});

test('a policy with problems is not said to be covered, nor to have passed', () => {
  const coverage = { covered: 1, total: 2, uncovered: [['p', 'a', 'b', 'c']] };
  const report = { ok: false, problems: [PROBLEM], warnings: [], coverage };
  expect(renderLint(report)).toMatch(/\n\n1 problem\.$/);
  expect(listLintRemarks(report)).toEqual([{ level: 'error', ...PROBLEM }]);
});

test('warnings are between the problems and the result', () => {
  const warnings = [
    { code: 'NOTHING_VERIFIED', at: 'policy', count: 0, rules: [], message: 'No decision.' },
  ] as const;
  expect(renderLint({ ok: true, problems: [], warnings, coverage: null })).toBe(
    'policy: warning: No decision. [NOTHING_VERIFIED]\n\nNo problems.',
  );
  const coverage = { covered: 1, total: 2, uncovered: [['p', 'a', 'b', 'c']] };
  const remarks = listLintRemarks({ ok: true, problems: [], warnings, coverage });
  expect(remarks.at(-1)).toMatchObject({ level: 'pass', code: 'NO_PROBLEM' });
  expect(renderCompact(remarks).split('\n')).toEqual([
    'policy: warning: No decision. [NOTHING_VERIFIED]',
    'model and policy: ok, 1 of 2 rules decides at least one request',
  ]);
});

test('codes are dim, and the result is in green or red, where colours are wanted', () => {
  const tell = (ok: boolean) =>
    renderLint({ ok, problems: ok ? [] : [PROBLEM], warnings: [], coverage: null }, { color: true });
  expect(tell(true)).toBe('\u001b[1m\u001b[32mNo problems.\u001b[39m\u001b[22m');
  expect(tell(false)).toContain('\u001b[2m[ROLE_UNDEFINED]');
  expect(tell(false)).toContain('\n\n\u001b[1m\u001b[31m1 problem.');
});
