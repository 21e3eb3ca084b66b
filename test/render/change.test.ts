import { expect, test } from 'vitest';
import { listChangeRemarks, renderChange } from '../../src/render/change.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';

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

test('each rule of a change that is made already is told by itself', () => {
  const changes = {
    grant: [['clerk', 'invoices', 'read'] as const],
    revoke: [['clerk', 'a,b', 'read'] as const],
    assign: [['carol', 'clerk'] as const],
    unassign: [['dan', 'clerk'] as const],
  };
  const report = { added: [], removed: [], comesBack: [], journaled: true };
  expect(renderChange(report, { changes, actor: 'jane', where: 'x' })).toBe(
    'Database: x\n\nNothing to change: "p, clerk, invoices, read" is stored already, ' +
      '"carol, clerk" is assigned already, "p, clerk, "a,b", read" is not stored, "dan, clerk" is not assigned.',
  );
});

test('a change is in the colours of a diff, and says where it is recorded', () => {
  const rule = ['g', 'carol', 'clerk'];
  const report = { added: [], removed: [rule], comesBack: [rule], journaled: true };
  const tell = (record: object, journaled = true) => {
    const asked = { changes: {}, actor: 'jane', where: 'x', ...record };
    const remarks = renderCompact(listChangeRemarks({ ...report, journaled }, asked)).split('\n');
    expect(
      renderChange({ ...report, journaled }, asked)
        .split('\n\n')
        .at(-1),
    ).toBe(remarks.at(-1));
    return [remarks[0], remarks.at(-1)];
  };
  const removed = 'rule removed: g, carol, clerk';
  expect(tell({})).toEqual([removed, 'In the journal: jane.']);
  expect(tell({ reason: 'ticket 7', force: true })).toEqual([
    removed,
    'In the journal: jane, forced: ticket 7.',
  ]);
  expect(tell({ dryRun: true })).toEqual([
    'rule would be removed: g, carol, clerk',
    'Dry run: nothing was changed.',
  ]);
  expect(tell({}, false)).toEqual([
    removed,
    'Not recorded: the table has no journal. A bootstrap with journal: true makes one.',
  ]);
  const look = { changes: {}, actor: 'jane', where: 'x', color: true };
  const told = renderChange({ ...report, added: [rule] }, look);
  expect(told).toContain('\u001b[32m+ g, carol');
  expect(told).toContain('\u001b[31m- g, carol');
  expect(told).toContain('\u001b[33mThe policy defines');
});
