import { describe, expect, test } from 'vitest';
import type { KeptAwayRule, OwnershipReport } from '../../src/index.ts';
import { renderPlan } from '../../src/render/plan.ts';
import { renderStatus } from '../../src/render/status.ts';
import { listSummaryRemarks, renderSummary } from '../../src/render/summary.ts';
import { listVerificationRemarks } from '../../src/render/verification.ts';
import { bootstrap, verification } from './reports.fixture.ts';

const HERE = { where: 'PostgreSQL at localhost:5432/app, as app' };

const NOTHING: OwnershipReport = {
  version: 3,
  before: 3,
  isOlder: false,
  renamed: [],
  removed: [],
  reassigned: 0,
  left: [],
  leftOmitted: 0,
};

const CHANGED: OwnershipReport = {
  ...NOTHING,
  before: 2,
  renamed: [{ from: 'clerk', to: 'accountant', rules: 1_204 }],
  removed: [['p', 'intern', 'notes', 'write\u001b[2J']],
  reassigned: 1,
  left: [['g', 'ann', 'intern']],
  leftOmitted: 20,
};

describe('what a bootstrap did about earlier versions', () => {
  test('is shown in the summary', () => {
    expect(renderSummary(bootstrap({ changed: true, ownership: CHANGED }), HERE)).toContain(
      [
        'Renamed and retired:',
        '  ~ role clerk becomes accountant in 1,204 rules',
        '  ~ 1 link of a user leads to another role, not to a retired one',
        '  - p, intern, notes, "write\\u001b[2J"',
      ].join('\n'),
    );
    expect(renderSummary(bootstrap({ dryRun: true, changed: true, ownership: CHANGED }), HERE)).toContain(
      'Would rename and retire:\n',
    );
    const several = { ...CHANGED, reassigned: 1_204 };
    expect(renderSummary(bootstrap({ changed: true, ownership: several }), HERE)).toContain(
      '  ~ 1,204 links of users lead to other roles, not to retired ones\n',
    );
    expect(renderSummary(bootstrap({ ownership: NOTHING }), HERE)).not.toContain('etire');
  });

  test('is a remark', () => {
    const remarksOf = (ownership: OwnershipReport) =>
      listSummaryRemarks(bootstrap({ ownership })).filter(({ code }) => code === 'OWNERSHIP');
    expect(remarksOf(CHANGED)).toMatchObject([
      {
        level: 'note',
        subject: 'policy',
        message: expect.stringMatching(/^Renamed and retired:\n {2}~ role clerk/),
      },
    ]);
    expect(remarksOf({ ...NOTHING, isOlder: true })).toMatchObject([
      { message: expect.stringContaining('the policy stays as it is') },
    ]);
    expect(remarksOf(NOTHING)).toEqual([]);
  });

  test('is reported at each look, if something of it is left', () => {
    const found = verification({ left: [['g', 'ann', 'in\u001btern']], leftOmitted: 20 });
    expect(renderSummary(bootstrap({ verification: found }), HERE)).toContain(
      [
        'These are stored, though they are retired, or name a retired role, or a renamed one by its former name:',
        '  g, ann, "in\\u001btern"',
        '  20 more rules',
      ].join('\n'),
    );
    const many = verification({ left: Array.from({ length: 52 }, (_, n) => ['g', `u${n}`, 'intern']) });
    expect(renderSummary(bootstrap({ verification: many }), HERE)).toMatch(
      /g, u49, intern\n {2}2 more rules$/,
    );
    expect(listVerificationRemarks(found)).toContainEqual({
      level: 'warning',
      code: 'RETIRED_LEFT',
      at: null,
      message:
        'g, ann, "in\\u001btern": it is retired, or names a retired role, or a renamed one by its former name',
    });
  });

  test('is a part of the plan', () => {
    const plan = {
      ...bootstrap({ dryRun: true, changed: true, ownership: CHANGED }),
      rules: [['p', 'a', 'b', 'c']],
      newSchema: null,
      rows: [],
    };
    expect(renderPlan(plan, HERE)).toContain(
      [
        '  ~ role clerk becomes accountant in 1,204 rules',
        '  ~ 1 link of a user leads to another role, not to a retired one',
        '  - p, intern, notes, "write\\u001b[2J"',
        '  + p, a, b, c',
      ].join('\n'),
    );
  });

  test('is nothing for an older version, which is said', () => {
    const older = { ...NOTHING, version: 2, before: 3, isOlder: true };
    expect(renderSummary(bootstrap({ ownership: older }), HERE)).toContain(
      'The database was bootstrapped with version 3 of the policy, and this is version 2: the policy stays as it is.',
    );
  });
});

const UNKNOWN = { actor: null, reason: null, at: null };
const AWAY: readonly KeptAwayRule[] = [
  {
    rule: ['p', 'clerk', 'invoices', 'write'],
    because: 'revoked',
    actor: 'root',
    reason: 'audit finding 12',
    at: new Date('2026-03-01T10:00:00Z'),
  },
  { rule: ['p', 'clerk', 'invoices', 'send'], because: 'vanished', ...UNKNOWN },
  { rule: ['g', 'clerk', 'viewer'], because: 'newer version', ...UNKNOWN },
];

test('rules that stay away are listed with the reason, and one that vanished is not listed as added', () => {
  const vanished = {
    request: [],
    expected: null,
    actual: null,
    rule: ['p', 'clerk', 'invoices', 'send'],
    rolePath: [],
    ids: [],
    added: [],
    holders: null,
    reason: 'it vanished',
    message: 'It vanished.',
  };
  const found = verification({ keptAway: AWAY, drift: [vanished] });
  const text = renderSummary(bootstrap({ verification: found }), HERE);
  expect(text).toContain('3 defined rules are not stored and stay away:');
  expect(text).toMatch(/p, clerk, invoices, write +│? *revoked by root on 2026-03-01: audit finding 12/);
  expect(text).toMatch(/p, clerk, invoices, send +│? *somebody removed it; onRevoked: 'keep'/);
  expect(text).toMatch(/g, clerk, viewer +│? *the database has a newer version of the policy/);
  expect(text).not.toContain('not defined');
});

test('of one revoked rule, all that is unknown is left out', () => {
  const keptAway: KeptAwayRule[] = [{ rule: ['p', 'a', 'b', 'c'], because: 'revoked', ...UNKNOWN }];
  const text = renderSummary(bootstrap({ verification: verification({ keptAway }) }), HERE);
  expect(text).toMatch(
    /1 defined rule is not stored and stays away:\n {2}rule +why\n {2}p, a, b, c +revoked$/,
  );
});

test('the first of many rules that stay away are listed', () => {
  const keptAway = Array.from(
    { length: 52 },
    (_, n): KeptAwayRule => ({ rule: ['p', 'a', `b${n}`, 'c'], because: 'vanished', ...UNKNOWN }),
  );
  const text = renderSummary(bootstrap({ verification: verification({ keptAway }) }), HERE);
  expect(text).toContain('p, a, b49, c');
  expect(text).not.toContain('p, a, b50, c');
  expect(text).toContain('\n  … and 2 more');
});

test('a status names the versions and counts what stays away', () => {
  const status = {
    table: { name: 'public.casbin', layout: 'document', isMissing: false },
    packageMigrations: null,
    applicationMigrations: null,
    version: { defined: 2, newest: 3 },
    rules: { defined: 16, stored: 14, missing: 0, extra: 0, keptAway: 2 },
    verification: verification(),
    isComplete: true,
  } as const;
  const text = renderStatus(status, HERE);
  expect(text).toContain('  version      2 of the definition, 3 in the database\n');
  expect(text).toContain('  rules        16 defined, 14 stored: 0 missing, 0 extra, 2 kept away\n');
  const left = verification({ left: [['g', 'ann', 'intern']], leftOmitted: 20 });
  expect(renderStatus({ ...status, verification: left }, HERE)).toContain(
    '  retired      21 rules still there',
  );
  expect(renderStatus({ ...status, version: { defined: 2, newest: null } }, HERE)).toContain(
    'none in the database',
  );
  expect(renderStatus({ ...status, version: { defined: 2, newest: 2 } }, HERE)).toContain(
    'the same in the database',
  );
});
