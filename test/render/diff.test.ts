import { expect, test } from 'vitest';
import { listDiffRemarks, renderDiff } from '../../src/render/diff.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';
import { NO_ROLE } from '../../src/verification/requests.ts';

const DENIED = {
  decision: 'deny',
  rule: null,
  rolePath: [],
  ids: [],
  added: [],
  reason: 'no rule allows it',
} as const;
const ALLOWED = {
  decision: 'allow',
  rule: ['p', 'viewer', 'invoices', 'read'],
  rolePath: ['clerk', 'viewer'],
  ids: [],
  added: [
    ['p', 'viewer', 'invoices', 'read'],
    ['g', 'clerk', 'viewer'],
    ['g2', 'invoices', 'papers'],
  ],
  reason: 'by "p, viewer, invoices, read", through clerk → viewer',
} as const;
const REQUEST = ['clerk', 'invoices', 'read\u009b[2J'];

test('a diff shows rules, then decisions with their reasons, then the number of compared requests', () => {
  const diff = {
    rules: { added: [['p', 'viewer', 'invoices', 'read']], removed: [['g', 'a', 'b']], reordered: false },
    decisions: {
      compared: 1_234,
      isWhole: true,
      more: [{ request: REQUEST, before: DENIED, after: ALLOWED }],
      less: [
        { request: [NO_ROLE, 'invoices', 'read'], before: ALLOWED, after: DENIED },
        {
          request: ['clerk', 'invoices', 'write'],
          before: ALLOWED,
          after: { ...DENIED, rule: ['p', 'x'], added: [['g', 'clerk', 'guest']], reason: 'by "p, x"' },
        },
      ],
      omitted: { more: 3, less: 1_202 },
    },
    userLinks: 1,
  };
  expect(renderDiff(diff)).toBe(
    [
      'Rules added:',
      '  + p, viewer, invoices, read',
      '',
      'Rules removed:',
      '  - g, a, b',
      '',
      'Allowed now:',
      '  + clerk, invoices, "read\\u009b[2J" — by "p, viewer, invoices, read", through clerk → viewer (new: g, clerk, viewer; g2, invoices, papers)',
      '',
      'No longer allowed:',
      '  - anybody, invoices, read — was allowed by "p, viewer, invoices, read", through clerk → viewer (gone: g, clerk, viewer; g2, invoices, papers)',
      '  - clerk, invoices, write — by "p, x" (new: g, clerk, guest)',
      '',
      'Of 1,234 requests, 4 are allowed now, and 1,204 no longer.',
      '',
      '1 link of users to roles left out.',
    ].join('\n'),
  );
  expect(listDiffRemarks(diff).map(({ level, code }) => `${level} ${code}`)).toEqual([
    'note RULE_ADDED',
    'note RULE_REMOVED',
    'note ALLOWED_NOW',
    'note NO_LONGER_ALLOWED',
    'note NO_LONGER_ALLOWED',
    'note DECISIONS',
  ]);
  expect(renderCompact(listDiffRemarks(diff)).split('\n')).toEqual([
    'rule added: p, viewer, invoices, read',
    'rule removed: g, a, b',
    'allowed now: clerk, invoices, "read\\u009b[2J" — by "p, viewer, invoices, read", through clerk → viewer (new: g, clerk, viewer; g2, invoices, papers)',
    'no longer allowed: anybody, invoices, read — was allowed by "p, viewer, invoices, read", through clerk → viewer (gone: g, clerk, viewer; g2, invoices, papers)',
    'no longer allowed: clerk, invoices, write — by "p, x" (new: g, clerk, guest)',
    'decisions: Of 1,234 requests, 4 are allowed now, and 1,204 no longer.',
  ]);
});

test.each([
  [1, 0, 'Of 4 requests, 1 is allowed now, and 0 no longer.'],
  [0, 1, 'Of 4 requests, 0 are allowed now, and 1 no longer.'],
])('%i more and %i fewer decisions are counted', (more, less, expected) => {
  const decisions = { compared: 4, isWhole: true, more: [], less: [], omitted: { more, less } };
  const rules = { added: [['p', 'a', 'b', 'c']], removed: [], reordered: false };
  expect(renderDiff({ rules, decisions, userLinks: 0 })).toBe(`Rules added:\n  + p, a, b, c\n\n${expected}`);
});

test('no difference is reported in two lines', () => {
  const decisions = { compared: 4, isWhole: true, more: [], less: [], omitted: { more: 0, less: 0 } };
  expect(renderDiff({ rules: { added: [], removed: [], reordered: false }, decisions, userLinks: 0 })).toBe(
    'The rules are the same.\n\nNo decision changes (4 requests compared).',
  );
});

test('a long list is cut, and lines have the colours of a diff', () => {
  const rules = {
    added: Array.from({ length: 103 }, (_, n) => ['p', `${n}`, 'x', 'y']),
    removed: [['g', 'a', 'b']],
    reordered: false,
  };
  const decisions = { compared: 4, isWhole: true, more: [], less: [], omitted: { more: 0, less: 0 } };
  const told = renderDiff({ rules, decisions, userLinks: 0 }, { color: true });
  expect(told).toMatch(/\+ p, 99, x, y.*\n {2}… and 3 more\n/);
  expect(told).not.toContain('p, 100, x, y');
  expect(told).toContain('\u001b[32m  + p, 0, x, y');
  expect(told).toContain('\u001b[31m  - g, a, b');
});

test('what can not be told is said, where rules differ', () => {
  const decisions = { compared: 0, isWhole: false, more: [], less: [], omitted: { more: 0, less: 0 } };
  const same = { rules: { added: [], removed: [], reordered: false }, decisions, userLinks: 0 };
  expect(renderDiff(same)).toBe('The rules are the same.\n\nNo decision changes (0 requests compared).');
  const other = { ...same, rules: { added: [['p', 'a', '/*', '.*']], removed: [], reordered: false } };
  expect(renderDiff(other)).toContain('Other requests may be decided differently');
  expect(listDiffRemarks(other)).toContainEqual(
    expect.objectContaining({ level: 'warning', code: 'DECISIONS_UNTOLD' }),
  );
  const less = { ...same, rules: { ...same.rules, removed: [['p', 'a', '/*', '.*']] } };
  expect(renderDiff(less)).toMatch(/^Rules removed:\n {2}- p, a, \/\*, \.\*\n\nNo .*\n\nOther requests may/);
  const reordered = { ...same, rules: { ...same.rules, reordered: true } };
  expect(renderDiff(reordered)).toMatch(
    /^Rules that both have are in another order, which may decide\.\n\n.*Other requests may be decided/s,
  );
  expect(listDiffRemarks(reordered)).toMatchObject([
    {
      level: 'note',
      code: 'RULES_REORDERED',
      subject: 'rules',
      message: expect.stringMatching(/^Rules that/),
    },
    {
      level: 'note',
      code: 'DECISIONS',
      subject: 'decisions',
      message: expect.stringMatching(/^No decision/),
    },
    { code: 'DECISIONS_UNTOLD', subject: 'decisions', message: expect.stringMatching(/^Other requests/) },
  ]);
  expect(listDiffRemarks(same).map(({ level }) => level)).not.toContain('warning');
});
