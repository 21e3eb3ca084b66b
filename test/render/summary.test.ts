import { describe, expect, test } from 'vitest';
import { listSummaryRemarks, renderSummary } from '../../src/render/summary.ts';
import { ADDED_RULE, bootstrap, decision, verification } from './reports.fixture.ts';

const HERE = { where: 'PostgreSQL at localhost:5432/app, as app' };

const FIRST = bootstrap({
  changed: true,
  migrations: [
    { name: 'casbin_0001_rules', status: 'applied' },
    { name: 'providers_0001_table', status: 'applied' },
  ],
  seeders: [
    { name: 'rbac', inserted: 16, existing: 0, total: 16, durationMs: 3 },
    { name: 'providers', inserted: 1, existing: 2, total: 3, durationMs: 2 },
  ],
  durationMs: 2412,
});

describe('the summary of a bootstrap', () => {
  test('says what the engine can not promise', () => {
    const engine = { name: 'neon', limits: ['Nobody can listen.', 'Or so.'] } as const;
    expect(renderSummary(bootstrap({ engine }), HERE)).toContain(
      '\n\nOn neon:\n  Nobody can listen.\n  Or so.\n\n',
    );
    expect(renderSummary(bootstrap(), HERE)).not.toContain('On ');
  });

  test('shows control characters of a migration', () => {
    const migrations = [{ name: 'a\u001b[2J', status: 'applied' }] as const;
    expect(renderSummary(bootstrap({ migrations }), HERE)).toContain('  a\\u001b[2J\n');
  });

  test('reads from the place to the decisions', () => {
    expect(renderSummary(FIRST, HERE)).toBe(
      [
        'Database: PostgreSQL at localhost:5432/app, as app',
        '',
        'Done in 2.4 s.',
        '',
        'Applied 2 migrations:',
        '  casbin_0001_rules',
        '  providers_0001_table',
        '',
        '  seeder     inserted  already there  total',
        '  rbac             16              0     16',
        '  providers         1              2      3',
        '',
        '56 decisions verified: 26 allow, 30 deny.',
      ].join('\n'),
    );
  });

  test('says that there was nothing to do, and what is there', () => {
    expect(renderSummary(bootstrap(), HERE)).toBe(
      [
        'Database: PostgreSQL at localhost:5432/app, as app',
        '',
        'Nothing to do: everything is in place (checked in 85 ms).',
        '',
        '  seeder     inserted  already there  total',
        '  rbac              0             16     16',
        '  providers         0              3      3',
        '',
        '56 decisions verified: 26 allow, 30 deny.',
      ].join('\n'),
    );
  });

  test('shows what a dry run would do', () => {
    const summary = renderSummary(
      { ...FIRST, dryRun: true, takeover: { constraintReplaced: true, duplicatesRemoved: 0 } },
      HERE,
    );

    expect(summary).toContain('Dry run: nothing was changed. A real run would do this (tried in 2.4 s):');
    expect(summary).toContain('Would apply 2 migrations:');
    expect(summary).toContain('Would take over the existing rule table:');
    expect(summary).toContain('  seeder     would insert  already there  total\n');
    expect(summary).not.toMatch(/Done|Applied|Took/);
  });

  test('says of a dry run with nothing to do the same as of a real one', () => {
    expect(renderSummary(bootstrap({ dryRun: true }), HERE)).toContain('Nothing to do: everything is');
  });

  test('has no table where there are no seeders', () => {
    expect(renderSummary(bootstrap({ seeders: [] }), HERE)).toMatch(/in 85 ms\)\.\n\n56 decisions verified/);
  });

  test('has remarks for what it would do, for an existing table, and for what the engine can not promise', () => {
    const takeover = { constraintReplaced: true, duplicatesRemoved: 0 };
    const engine = { name: 'neon', limits: ['Nobody can listen.'] } as const;
    const told = (dryRun: boolean) =>
      listSummaryRemarks({ ...FIRST, takeover, engine, dryRun }).map(
        ({ subject, message }) => `${subject}: ${message}`,
      );
    const table =
      'over the existing rule table:\n  its unique constraint on (rule) is replaced by one on (ptype, rule)';
    expect(told(true)).toEqual([
      'migration casbin_0001_rules: would be applied',
      'migration providers_0001_table: would be applied',
      `table: Would take ${table}`,
      'seeder rbac: 16 would be inserted, 0 already there',
      'seeder providers: 1 would be inserted, 2 already there',
      'neon: Nobody can listen.',
      'decisions: 56 verified',
    ]);
    const remarks = listSummaryRemarks({ ...FIRST, takeover, engine });
    expect(remarks.map(({ level, code }) => `${level} ${code}`)).toEqual([
      'note MIGRATION',
      'note MIGRATION',
      'note TAKEOVER',
      'note SEEDER',
      'note SEEDER',
      'note ENGINE_LIMIT',
      'pass DECISIONS',
    ]);
    expect(told(false).slice(1, 4)).toEqual([
      'migration providers_0001_table: applied',
      `table: Took ${table}`,
      'seeder rbac: 16 inserted, 0 already there',
    ]);
  });

  test('reports what was done to an existing table', () => {
    const takeover = { constraintReplaced: true, duplicatesRemoved: 1 };
    expect(renderSummary({ ...FIRST, takeover }, HERE)).toContain(
      [
        'Took over the existing rule table:',
        '  its unique constraint on (rule) is replaced by one on (ptype, rule)',
        '  1 duplicate rule removed, the lowest id of each kept',
        '',
      ].join('\n'),
    );
    const duplicates = { constraintReplaced: false, duplicatesRemoved: 1 };
    expect(renderSummary({ ...FIRST, takeover: duplicates }, HERE)).not.toContain('its unique constraint');
  });

  test('shows each decision that drifted and why, then the added rules that no decision shows', () => {
    const granted = {
      ...decision({
        request: ['readonly', 'accounts', 'write'],
        expected: 'deny',
        actual: 'allow',
        reason: 'by "p, readonly, accounts, write"',
      }),
      holders: { names: [], count: 0, more: false },
    };
    expect(
      renderSummary(bootstrap({ verification: verification({ drift: [granted, ADDED_RULE] }) }), HERE),
    ).toContain(
      [
        'Drift: 1 request is decided differently than defined:',
        '  request                    expected  actual  why                                who has it now',
        '  readonly, accounts, write  deny      allow   by "p, readonly, accounts, write"  nobody',
        '',
        'Drift: 1 stored rule is not defined:',
        '  row  rule                    who has it now',
        '   17  p, user, reports, read  eve, bob and 5 more',
      ].join('\n'),
    );
  });

  test('counts requests that are not listed', () => {
    const omitted = { failures: 0, drift: 4_000 };
    expect(renderSummary(bootstrap({ verification: verification({ omitted }) }), HERE)).toContain(
      '4,000 more findings of drift are not listed.',
    );
    const failed = verification({ ok: false, failures: [decision()], omitted: { failures: 1, drift: 0 } });
    expect(renderSummary(bootstrap({ verification: failed }), HERE)).toContain(
      '1 more failure is not listed.',
    );
  });

  test('says which part of a large table it is about', () => {
    const summary = (kind: 'whole' | 'part') =>
      renderSummary(bootstrap({ verification: verification({ scope: { kind, rules: 1_234 } }) }), HERE);

    expect(summary('part')).toContain('The table is large: 1,234 rules were read, those that the definition');
    expect(summary('part')).toContain('verify: { full: true } reads all rows.');
    expect(summary('whole')).not.toContain('rows');
  });

  test('shows warnings about stored rules, which are no failures', () => {
    const integrity = [
      { ids: [7], severity: 'warning', rule: ['p9', 'x'], message: 'No model section p9.' },
      { ids: [8], severity: 'failure', rule: ['p', 'f(x'], message: 'It can not be loaded.' },
    ] as const;
    const summary = renderSummary(bootstrap({ verification: verification({ integrity }) }), HERE);

    expect(summary).toContain('1 warning about stored rules:\n');
    expect(summary).toMatch(/^ +7 {2}p9, x {2}No model section p9\.$/m);
    expect(summary).toContain('1 problem with stored rules:\n');
    expect(summary.split('It can not be loaded.')).toHaveLength(2);
  });

  test('does not call a failed verification verified', () => {
    const failed = verification({ ok: false, failures: [decision()] });
    const summary = renderSummary(bootstrap({ verification: failed }), HERE);

    expect(summary).toContain('1 request is not decided as expected:');
    expect(summary).not.toContain('verified');
  });

  test('warns of what the decisions do not prove', () => {
    const message = '1 defined rule decided no request: "p, \u001b[2J, b, c".';
    const warnings = [
      { code: 'RULES_NOT_COVERED', count: 1, rules: [['p', 'a', 'b', 'c']], message },
    ] as const;
    expect(renderSummary(bootstrap({ verification: verification({ warnings }) }), HERE)).toContain(
      '56 decisions verified: 26 allow, 30 deny.\n\nWarning: 1 defined rule decided no request: "p, \\u001b[2J, b, c".',
    );
  });

  test('says so when nothing was verified', () => {
    const skipped = verification({ checks: 0, allowed: 0 });
    expect(renderSummary(bootstrap({ verification: skipped }), HERE)).toContain(
      'No decisions were verified.',
    );
  });

  test('is plain text unless colours are asked for', () => {
    expect(renderSummary(FIRST, HERE)).not.toContain('\u001b');
    expect(renderSummary(FIRST, { ...HERE, color: true })).toContain('\u001b[1mDone in 2.4 s.\u001b[22m');
  });

  test('keeps columns aligned with thousands and wide characters', () => {
    const seeders = [
      { name: '角色', inserted: 10_000, existing: 0, total: 10_000, durationMs: 1 },
      { name: 'plain', inserted: 1, existing: 0, total: 1, durationMs: 1 },
    ];
    expect(renderSummary({ ...FIRST, seeders }, HERE)).toContain(
      [
        '  seeder  inserted  already there   total',
        '  角色      10,000              0  10,000',
        '  plain          1              0       1',
      ].join('\n'),
    );
  });
});
