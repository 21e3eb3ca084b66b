import { describe, expect, test } from 'vitest';
import type { DatabaseFinding } from '../../src/index.ts';
import { listDiagnosisRemarks, renderDiagnosis } from '../../src/render/diagnosis.ts';

describe('a diagnosis', () => {
  test('is reported with the statements that fix it, each once', () => {
    const findings: DatabaseFinding[] = [
      { check: 'server', status: 'fine', message: 'PostgreSQL 18.', remedies: [] },
      { check: 'index', status: 'warning', message: 'No index.', remedies: ['create index x on y (z)'] },
      {
        check: 'other tables',
        status: 'failure',
        message: 'Run:\n  grant a to b;',
        remedies: ['grant a to b;'],
      },
    ];
    expect(renderDiagnosis({ ok: false, findings }, { where: 'PostgreSQL at h:5432/d, as a' })).toBe(
      [
        'Database: PostgreSQL at h:5432/d, as a',
        '',
        '  ✓ server: PostgreSQL 18.',
        '  ! index: No index.',
        '      create index x on y (z)',
        '  ✗ other tables: Run:',
        '      grant a to b;',
        '',
        '1 failure, 1 warning.',
      ].join('\n'),
    );
    const colored = renderDiagnosis({ ok: false, findings }, { where: 'x', color: true });
    for (const sign of ['\u001b[32m✓', '\u001b[33m!', '\u001b[31m✗']) expect(colored).toContain(sign);
    expect(listDiagnosisRemarks({ ok: false, findings })).toEqual([
      { level: 'pass', code: 'SERVER', at: null, subject: 'server', message: 'PostgreSQL 18.' },
      {
        level: 'warning',
        code: 'INDEX',
        at: null,
        subject: 'index',
        message: 'No index.\ncreate index x on y (z)',
      },
      {
        level: 'error',
        code: 'OTHER_TABLES',
        at: null,
        subject: 'other tables',
        message: 'Run:\n  grant a to b;',
      },
    ]);
  });

  test('shows the first of many findings of one kind', () => {
    const findings = Array.from(
      { length: 25 },
      (_, n): DatabaseFinding => ({
        check: 'rules',
        status: 'warning',
        message: `Row ${n}\u001b`,
        remedies: [],
      }),
    );
    const other: DatabaseFinding = { check: 'index', status: 'warning', message: 'No index.', remedies: [] };
    const told = renderDiagnosis({ ok: true, findings: [...findings, other] }, { where: 'x', color: true });
    expect(told).toContain('Row 19\\u001b');
    expect(told).toContain('No index.');
    expect(told).not.toContain('Row 20');
    expect(told).toContain('5 more findings of these kinds.');
  });

  test('shows a failure below many warnings of the same check', () => {
    const warning: DatabaseFinding = { check: 'rules', status: 'warning', message: 'Row', remedies: [] };
    const findings = [
      ...Array.from({ length: 21 }, () => warning),
      { ...warning, status: 'failure' } as const,
    ];
    const told = renderDiagnosis({ ok: false, findings }, { where: 'x' });
    expect(told).toContain('  ✗ rules: Row\n\n1 more finding of these kinds.\n\n1 failure, 21 warnings.');
  });

  test('compares no finding with all others, where each row of a large table is one', () => {
    let reads = 0;
    const findings = Array.from(
      { length: 1_000 },
      (): DatabaseFinding => ({
        get check() {
          reads += 1;
          return 'rules' as const;
        },
        status: 'warning',
        message: 'Row',
        remedies: [],
      }),
    );
    const told = renderDiagnosis({ ok: true, findings }, { where: 'x' });
    expect(told).toContain('980 more findings of these kinds.');
    expect(reads).toBeLessThan(10_000);
  });
});
