import { describe, expect, test } from 'vitest';
import { renderDrift, renderFailures, renderRemedies } from '../../src/render/findings.ts';
import { ADDED_RULE, decision, verification } from './reports.fixture.ts';

const MISSING = decision({
  kind: 'missing-rule',
  request: [],
  expected: null,
  actual: null,
  rule: ['g', 'user', 'readonly'],
});

describe('the failures of a verification', () => {
  test('are no text at all when there are none', () => {
    expect(renderFailures(verification())).toBe('');
  });

  test('list missing rules first, then each request with the expected and actual decision and the reason', () => {
    const failures = [
      decision(),
      decision({
        request: ['guest', 'users', 'write'],
        expected: 'deny',
        actual: 'allow',
        reason: 'by "p, guest, users, write"',
      }),
      MISSING,
    ];
    expect(renderFailures(verification({ ok: false, failures }))).toBe(
      [
        '1 defined rule is missing from the database:',
        '  rule',
        '  g, user, readonly',
        '',
        '2 requests are not decided as expected:',
        '  request               expected  actual  why',
        '  user, accounts, read  allow     deny    no rule allows it',
        '  guest, users, write   deny      allow   by "p, guest, users, write"',
      ].join('\n'),
    );
  });

  test('are counted in the plural, and with those that are not listed', () => {
    const drift = { ...ADDED_RULE, kind: 'drift' } as const;
    const failures = [MISSING, MISSING, drift, { ...drift, ids: [3, 4] }];
    const told = renderFailures(verification({ ok: false, failures, omitted: { failures: 2, drift: 0 } }));
    expect(told).toContain('2 defined rules are missing from the database:\n');
    expect(told).toMatch(/\n2 stored rules are not defined:\n.*\n +17 {2}p, .*\n +3, 4 {2}p, /);
    expect(told).toMatch(/\n\n2 more failures are not listed\.$/);
  });

  test('name who has what was added, where that is known', () => {
    const added = [['g', 'eve', 'clerk']];
    const drift = decision({ kind: 'drift', added });
    const holders = { names: ['eve'], count: 1, more: false };
    const told = renderDrift([{ ...drift, holders }, drift]).join('\n\n');
    expect(told).toMatch(
      /^2 requests are decided differently than defined:\n.*why +who has it now\n.*it {2}eve\n.*it$/,
    );
    expect(renderDrift([drift]).join()).not.toMatch(/who|stored rule/);
  });

  test('put values in quotes that would be misread', () => {
    const rule = ['p', 'clerk', 'a, b', ''];
    const failures = [{ ...MISSING, rule }, decision({ request: ['clerk', 'a, b', ''] })];
    const shown = renderFailures(verification({ ok: false, failures }));
    expect(shown).toContain('\n  p, clerk, "a, b", ""\n');
    expect(shown).toContain('\n  clerk, "a, b", ""  ');
  });

  test('tell violated invariants and drift that is not tolerated from other decisions', () => {
    const allowed = { expected: 'deny', actual: 'allow' } as const;
    const failures = [
      decision({ ...allowed, kind: 'never' }),
      decision({ ...allowed, kind: 'drift' }),
      { ...ADDED_RULE, kind: 'drift' } as const,
    ];
    const headlines = renderFailures(verification({ ok: false, failures }))
      .split('\n')
      .filter((line) => line.endsWith(':'));

    expect(headlines).toEqual([
      '1 request is allowed and must never be:',
      '1 request is decided differently than defined:',
      '1 stored rule is not defined:',
    ]);
  });

  test('say what to do about rules that are not defined', () => {
    const added = [['p', 'guest', 'users', 'write']];
    const remediesOf = (kind: 'never' | 'drift' | 'decision') =>
      renderRemedies(verification({ ok: false, failures: [decision({ kind, added })] }));

    expect(remediesOf('never')).toEqual([
      'Revoke the rules that allow what must never be (changePolicy, or casbin-bootstrap revoke or unassign), or take the request out of never.',
    ]);
    expect(remediesOf('drift')).toEqual([
      'Define what is not defined, or revoke it (changePolicy, or casbin-bootstrap revoke or unassign). Without strict it is only reported.',
    ]);
    expect(remediesOf('decision')).toEqual([]);
    const vanished = decision({ kind: 'drift', added: [] });
    expect(renderRemedies(verification({ ok: false, failures: [vanished] }))).toEqual([]);
  });

  test('show stored rules that do not read back, with all their rows, but no mere warnings', () => {
    const integrity = [
      { ids: [12], severity: 'failure', rule: ['p', 'f(x'], message: 'Casbin can not load it.' },
      { ids: [3, 4], severity: 'failure', rule: ['g', 'a', 'b'], message: 'A circle.' },
      { ids: [13], severity: 'warning', rule: ['p', 'fine'], message: 'Nobody reads it.' },
    ] as const;
    expect(renderFailures(verification({ ok: false, integrity }))).toBe(
      [
        '2 problems with stored rules:',
        '   row  rule     problem',
        '    12  p, f(x   Casbin can not load it.',
        '  3, 4  g, a, b  A circle.',
      ].join('\n'),
    );
  });

  test('fall back to the message of a missing rule that is not given', () => {
    const failures = [decision({ ...MISSING, rule: null, message: 'All of them.' })];
    expect(renderFailures(verification({ ok: false, failures }))).toContain('  All of them.');
  });

  test('stop after fifty of a kind and count the rest', () => {
    const failures = Array.from({ length: 1234 }, (_, index) => decision({ request: [`user-${index}`] }));
    const lines = renderFailures(verification({ ok: false, failures })).split('\n');

    expect(lines[0]).toBe('1,234 requests are not decided as expected:');
    expect(lines).toHaveLength(1 + 1 + 50 + 1);
    expect(lines.at(-1)).toBe('  … and 1,184 more');
  });

  test('let no stored value control the terminal or break a line', () => {
    const request = ['\u001b[2J', 'a\nb', '\u009b31m', '\u202eevil'];
    const text = renderFailures(verification({ ok: false, failures: [decision({ request })] }));

    expect(text).toContain('  "\\u001b[2J", "a\\nb", "\\u009b31m", \\u202eevil  allow');
  });
});
