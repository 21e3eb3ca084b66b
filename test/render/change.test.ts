import { expect, test } from 'vitest';
import { listChangeRemarks, renderChange } from '../../src/render/change.ts';

test('a change shows control characters of its rules, its actor and its reason', () => {
  const rule = ['g', 'carol\u009b31m', 'clerk'];
  const report = { added: [rule], removed: [rule], comesBack: [rule], journaled: true };
  const record = { changes: {}, actor: 'jane\u202e', reason: 'ticket\n7', force: false, dryRun: false };
  const told = renderChange(report, { ...record, where: 'x' });
  const line = 'g, "carol\\u009b31m", clerk';
  expect(told.split('\n\n').slice(1)).toEqual([
    `+ ${line}\n- ${line}`,
    expect.stringMatching(/^The policy defines "g, "carol\\u009b31m", clerk", so/),
    'In the journal: jane\\u202e, ticket\\u000a7.',
  ]);
  expect(listChangeRemarks(report, record)).toMatchObject([
    { level: 'note', code: 'RULE_ADDED' },
    { level: 'note', code: 'RULE_REMOVED' },
    { level: 'warning', code: 'RULE_COMES_BACK', message: expect.stringMatching(/^The policy defines "g, /) },
    { level: 'note', code: 'JOURNAL' },
  ]);
  const nothing = { added: [], removed: [], comesBack: [], journaled: true };
  const asked = { ...record, changes: { unassign: [['carol\u009b', 'clerk'] as const] } };
  expect(renderChange(nothing, { ...asked, where: 'x' })).toBe(
    'Database: x\n\nNothing to change: ""carol\\u009b", clerk" is not assigned.',
  );
  expect(listChangeRemarks(nothing, asked)).toMatchObject([{ level: 'note', code: 'NOTHING_TO_CHANGE' }]);
});
