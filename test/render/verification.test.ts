import { describe, expect, test } from 'vitest';
import { renderCompact } from '../../src/render/remark-formats.ts';
import { listVerificationRemarks, renderVerification } from '../../src/render/verification.ts';
import { ADDED_RULE, decision, verification } from './reports.fixture.ts';

const HERE = { where: 'PostgreSQL at localhost:5432/app, as app' };

describe('a verification', () => {
  test('that finds nothing is reported in three lines', () => {
    expect(renderVerification(verification(), HERE)).toBe(
      [
        'Database: PostgreSQL at localhost:5432/app, as app',
        'The database decides as defined (16 rules read, in 12 ms).',
        '56 decisions verified: 26 allow, 30 deny.',
      ].join('\n\n'),
    );
  });

  test('that finds failures says so first, and lists them', () => {
    const report = verification({ ok: false, failures: [decision()] });
    expect(renderVerification(report, HERE)).toMatch(
      /\n\nThe database does not decide as defined \(16 rules read, in 12 ms\)\.\n\n1 request is not decided as expected:\n.*user, accounts, read +allow +deny/s,
    );
  });

  test('that fails by the order of rows ends with how to change it, in full', () => {
    const rowOrder = {
      advice: 'Insert them in this order:',
      statements: ['delete from a;', 'insert into a;'],
    };
    const report = verification({ ok: false, failures: [decision()], rowOrder });
    expect(renderVerification(report, HERE)).toMatch(
      /\n\nInsert them in this order:\n\ndelete from a;\ninsert into a;$/,
    );
    expect(renderCompact(listVerificationRemarks(report)).split('\n').slice(1)).toEqual([
      'Insert them in this order:',
      'delete from a; insert into a;',
    ]);
    expect(listVerificationRemarks(report).slice(1)).toMatchObject(
      Array(2).fill({ level: 'note', code: 'ROW_ORDER' }),
    );
    const unwritten = { ...rowOrder, statements: [] };
    expect(listVerificationRemarks({ ...report, rowOrder: unwritten })).toHaveLength(2);
  });

  test('that takes drift for a failure does not list it twice', () => {
    const failures = [{ ...ADDED_RULE, kind: 'drift' } as const];
    const strict = verification({ ok: false, failures, drift: [ADDED_RULE] });
    const told = renderVerification(strict, HERE);
    expect(told).toContain('1 stored rule is not defined:\n');
    expect(told).not.toContain('Drift:');
    expect(told).toMatch(/\n\nDefine what is not defined, or revoke it/);
  });

  test('that finds drift alone says that the definition is kept', () => {
    expect(renderVerification(verification({ drift: [ADDED_RULE] }), HERE)).toMatch(
      /\n\nThe database decides as defined, and has more than that \(16 rules read, in 12 ms\)\.\n\n56 decisions.*\n\nDrift: 1 stored rule is not defined:\n.*p, user, reports, read/s,
    );
  });

  test('has its verdict in green or red where colours are wanted', () => {
    const colored = { ...HERE, color: true };
    expect(renderVerification(verification(), colored)).toContain('\u001b[1m\u001b[32mThe database decides');
    expect(renderVerification(verification({ ok: false }), colored)).toContain(
      '\u001b[31mThe database does not',
    );
    expect(renderVerification(verification(), HERE)).not.toContain('\u001b');
  });

  test('is annotations of GitHub, the failures first', () => {
    const report = verification({
      ok: false,
      failures: [decision({ message: 'user, accounts, read is denied' })],
      integrity: [
        { severity: 'failure', ids: [1], rule: [], message: 'a circle' },
        { severity: 'warning', ids: [2], rule: [], message: 'a comma' },
      ],
      drift: [{ ...ADDED_RULE, message: 'one more rule' }],
      keptAway: [
        { rule: ['p', 'a', 'b', 'c'], because: 'revoked', actor: 'root', reason: 'audit', at: null },
      ],
      warnings: [{ code: 'NOTHING_VERIFIED', count: 0, rules: [], message: 'no decision' }],
    });
    expect(listVerificationRemarks(report).map(({ level, code, message }) => [level, code, message])).toEqual(
      [
        ['error', 'DECISION_UNEXPECTED', 'user, accounts, read is denied'],
        ['error', 'STORED_RULE', 'a circle'],
        ['warning', 'STORED_RULE', 'a comma'],
        ['warning', 'DRIFT', 'one more rule'],
        ['note', 'RULE_KEPT_AWAY', 'p, a, b, c: revoked by root: audit'],
        ['warning', 'NOTHING_VERIFIED', 'no decision'],
      ],
    );
  });

  test('has a code for each kind of failure', () => {
    const kinds = ['missing-rule', 'decision', 'never', 'drift', 'structure'] as const;
    const report = verification({ ok: false, failures: kinds.map((kind) => decision({ kind })) });
    expect(listVerificationRemarks(report).map(({ code }) => code)).toEqual([
      'RULE_MISSING',
      'DECISION_UNEXPECTED',
      'NEVER_ALLOWED',
      'DRIFT',
      'HIERARCHY_BROKEN',
    ]);
  });

  test('names in remarks the stored rule and the rows of each fault', () => {
    const fault = {
      severity: 'failure',
      ids: [7, 9],
      rule: ['p', 'a,b', 'read'],
      message: 'It is short.',
    } as const;
    const twelve = Array.from({ length: 12 }, (_, index) => index + 1);
    const others = [[8], twelve].map((ids) => ({ ...fault, severity: 'warning', ids }) as const);
    const report = verification({ integrity: [fault, ...others] });
    expect(renderCompact(listVerificationRemarks(report)).split('\n').slice(0, 3)).toEqual([
      'p, "a,b", read (row 7, 9): failed, It is short. [STORED_RULE]',
      'p, "a,b", read (row 8): warning, It is short. [STORED_RULE]',
      'p, "a,b", read (row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more): warning, It is short. [STORED_RULE]',
    ]);
  });

  test('shows in remarks what is not listed, and how much is correct', () => {
    const report = verification({ omitted: { failures: 1, drift: 2 }, leftOmitted: 3 });
    expect(renderCompact(listVerificationRemarks(report)).split('\n')).toEqual([
      '1 more failure is not listed. [NOT_LISTED]',
      'warning: 2 more findings of drift are not listed. [NOT_LISTED]',
      'warning: 3 more retired or renamed rules are not listed. [NOT_LISTED]',
      'decisions: ok, 56 verified',
    ]);
    expect(listVerificationRemarks(report).at(-1)).toMatchObject({ level: 'pass', code: 'DECISIONS' });
    const other = verification({ omitted: { failures: 2, drift: 1 }, leftOmitted: 1 });
    expect(renderCompact(listVerificationRemarks(other)).split('\n').slice(0, 3)).toEqual([
      '2 more failures are not listed. [NOT_LISTED]',
      'warning: 1 more finding of drift is not listed. [NOT_LISTED]',
      'warning: 1 more retired or renamed rule is not listed. [NOT_LISTED]',
    ]);
  });

  test('counts what there is one of, and what it did not read', () => {
    const one = verification({
      checks: 2,
      allowed: 1,
      drift: [ADDED_RULE],
      omitted: { failures: 0, drift: 1 },
      scope: { kind: 'part', rules: 1 },
    });
    const told = renderVerification(one, HERE);
    expect(told).toContain(
      '\n\n2 decisions verified: 1 allow, 1 deny.\n\nThe table is large: 1 rule was read, ',
    );
    expect(told).toMatch(/\n\n1 more finding of drift is not listed\.$/);
  });
});
