import { describe, expect, test } from 'vitest';
import { renderAnnotations } from '../../src/render/github.ts';
import { annotateVerification, renderVerification } from '../../src/render/verification.ts';
import { ADDED_RULE, decision, verification } from './reports.fixture.ts';

const HERE = { where: 'PostgreSQL at localhost:5432/app, as app' };

describe('a verification', () => {
  test('that finds nothing is told in three lines', () => {
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
      /\n\nThe database does not decide as defined \(.*\)\.\n\n1 request is not decided as expected:\n.*user, accounts, read +allow +deny/s,
    );
  });

  test('that finds drift alone says that the definition is kept', () => {
    expect(renderVerification(verification({ drift: [ADDED_RULE] }), HERE)).toMatch(
      /\n\nThe database decides as defined, and has more than that \(.*\)\.\n\n56 decisions.*\n\nDrift: 1 stored rule is not defined:\n.*p, user, reports, read/s,
    );
  });

  test('has its verdict in green or red where colours are wanted', () => {
    const colored = { ...HERE, color: true };
    expect(renderVerification(verification(), colored)).toContain('\u001b[32mThe database decides');
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
      warnings: [{ code: 'NOTHING_VERIFIED', count: 0, rules: [], message: 'no decision' }],
    });
    expect(renderAnnotations(annotateVerification(report))).toBe(
      [
        '::error title=Not decided as defined::user, accounts, read is denied',
        '::error title=Stored rule::a circle',
        '::warning title=Stored rule::a comma',
        '::warning title=Drift::one more rule',
        '::warning title=Not verified::no decision',
      ].join('\n'),
    );
  });
});
