import { expect, test } from 'vitest';
import type { JournalEntry } from '../../src/index.ts';
import { listHistoryRemarks, renderHistory } from '../../src/render/history.ts';

const ENTRY: JournalEntry = {
  id: '1',
  at: new Date('2026-11-27T15:37:01.500Z'),
  transaction: '7',
  table: 'casbin',
  operation: 'added',
  ptype: 'g',
  values: ['carol', 'cle,rk'],
  actor: 'jane',
  reason: 'ticket\n7',
  release: null,
  role: 'app',
  application: 'psql',
};

test('a history has a line for each change, and shows role and application of writers that give no actor', () => {
  const entries: JournalEntry[] = [
    ENTRY,
    { ...ENTRY, operation: 'removed', actor: null, reason: null },
    {
      ...ENTRY,
      operation: 'truncated',
      ptype: null,
      values: [],
      actor: null,
      reason: null,
      application: null,
    },
  ];
  expect(renderHistory(entries, { where: 'PostgreSQL at h:5432/d, as a', limit: 100, state: null })).toBe(
    [
      'Database: PostgreSQL at h:5432/d, as a',
      '',
      '  at (UTC)             change                by               reason',
      '  2026-11-27 15:37:01  + g, carol, "cle,rk"  jane             ticket\\u000a7',
      '  2026-11-27 15:37:01  - g, carol, "cle,rk"  role app (psql)',
      '  2026-11-27 15:37:01  - all rules           role app',
      '',
      '3 changes, the newest last.',
    ].join('\n'),
  );
  expect(listHistoryRemarks(entries).map(({ message }) => message)).toEqual([
    '+ g, carol, "cle,rk", by jane, ticket\n7',
    '- g, carol, "cle,rk", by role app (psql)',
    '- all rules, by role app',
  ]);
  expect(listHistoryRemarks([ENTRY])).toMatchObject([
    { level: 'note', code: 'CHANGE', subject: '2026-11-27T15:37:01.500Z' },
  ]);
  expect(renderHistory([ENTRY], { where: 'x', limit: 9, state: null, color: true })).toContain(
    '\u001b[2m1 change, the newest last.',
  );
});

test('a history of several tables names them, and says that there may be older changes', () => {
  const told = renderHistory([ENTRY, { ...ENTRY, table: 'other' }], { where: 'x', limit: 2, state: null });
  expect(told).toContain('+ g, carol, "cle,rk" (casbin)');
  expect(told).toContain('+ g, carol, "cle,rk" (other)');
  expect(told).toContain('There may be older ones: give a higher --limit, or --until.');
});

test.each([
  [{ isEmpty: false, isRecording: true }, 'The journal has no such change.'],
  [{ isEmpty: true, isRecording: true }, 'Nothing was recorded yet.'],
  [
    { isEmpty: true, isRecording: false },
    'Nothing was recorded yet. Changes are not recorded: set journal: true in casbin-bootstrap.config, and run casbin-bootstrap seed.',
  ],
])('a history without a change says what the journal has: %j', (state, told) => {
  expect(renderHistory([], { where: 'x', limit: 2, state })).toBe(`Database: x\n\n${told}`);
});

test('a history shows the newest if it is large', () => {
  const entries = [{ ...ENTRY, reason: 'the oldest' }, ...Array.from({ length: 5_000 }, () => ENTRY)];
  const told = renderHistory(entries, { where: 'x', limit: 20_000, state: null });
  expect(told).toMatch(/^Database: x\n\n… and 1 older change, which --format json shows\.\n\n {2}at \(UTC\)/);
  expect(told).not.toContain('the oldest');
  expect(told).toContain('5,001 changes, the newest last.');
});
