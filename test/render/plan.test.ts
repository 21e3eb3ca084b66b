import { describe, expect, test } from 'vitest';
import { listPlanRemarks, renderPlan } from '../../src/render/plan.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';
import { listStatusRemarks, renderStatus } from '../../src/render/status.ts';
import { ADDED_RULE, bootstrap, decision, verification } from './reports.fixture.ts';

const HERE = { where: 'PostgreSQL at localhost:5432/app, as app' };
const RULE = ['p', 'viewer', 'invoices', 'read\u001b[2J'];

describe('a plan', () => {
  test('shows control characters of a migration', () => {
    const migrations = [{ name: 'a\u001b[2J', status: 'applied' }] as const;
    expect(
      renderPlan({ ...bootstrap({ migrations }), newSchema: null, rules: [], rows: [] }, HERE),
    ).toContain('+ migration a\\u001b[2J');
  });

  test('is shown as a diff', () => {
    const plan = {
      ...bootstrap({ dryRun: true, changed: true, migrations: [{ name: '0001_casbin', status: 'applied' }] }),
      takeover: { constraintReplaced: true, duplicatesRemoved: 1 },
      seeders: [
        { name: 'rbac', inserted: 1, existing: 2, total: 3, durationMs: 3 },
        { name: 'providers', inserted: 1, existing: 2, total: 3, durationMs: 2 },
        { name: 'settings', inserted: 0, existing: 1, total: 1, durationMs: 2 },
      ],
      rules: [RULE],
      newSchema: 'auth',
      rows: [
        {
          seeder: 'providers',
          table: 'public.providers',
          values: { name: 'Mail, Inc.', info: { a: [1] }, at: null, note: 'x'.repeat(90) },
        },
      ],
    };
    expect(renderCompact(listPlanRemarks(plan)).split('\n')).toEqual([
      '+ schema auth',
      '+ migration 0001_casbin',
      '~ the unique constraint on (rule) becomes one on (ptype, rule)',
      '- 1 duplicate rule, the lowest id of each kept',
      '+ p, viewer, invoices, "read\\u001b[2J"',
      '+ 1 row by providers, beside 2 there',
      `+ public.providers: name = "Mail, Inc.", info = {"a":[1]}, at = null, note = ${'x'.repeat(80)}…`,
      'decisions: ok, 56 verified',
    ]);
    expect(renderPlan(plan, HERE)).toBe(
      [
        'Database: PostgreSQL at localhost:5432/app, as app',
        '',
        'A bootstrap would change this database (tried in 85 ms):',
        '  + schema auth',
        '  + migration 0001_casbin',
        '  ~ the unique constraint on (rule) becomes one on (ptype, rule)',
        '  - 1 duplicate rule, the lowest id of each kept',
        '  + p, viewer, invoices, "read\\u001b[2J"',
        '  + 1 row by providers, beside 2 there',
        `  + public.providers: name = "Mail, Inc.", info = {"a":[1]}, at = null, note = ${'x'.repeat(80)}…`,
        '',
        '56 decisions verified: 26 allow, 30 deny.',
      ].join('\n'),
    );
  });

  test('of many rules shows the first of them', () => {
    const plan = {
      ...bootstrap({ changed: true }),
      rules: Array.from({ length: 1_203 }, () => RULE),
      newSchema: null,
      rows: [],
    };
    expect(renderPlan(plan, HERE)).toContain('\n  + 1,003 more rules\n');
    const told = listPlanRemarks(plan).filter(({ code }) => code === 'WOULD_CHANGE');
    expect(told).toHaveLength(1_203);
    expect(new Set(told.map(({ level }) => level))).toEqual(new Set(['note']));
    const amount = (length: number) => {
      const text = renderPlan({ ...plan, rules: Array.from({ length }, () => RULE) }, HERE);
      return [text.match(/\+ p, viewer/g)?.length, /\+ (.*) more rules?\n/.exec(text)?.[1]];
    };
    expect(amount(200)).toEqual([200, undefined]);
    expect(amount(201)).toEqual([200, '1']);
  });

  test('is in green where colours are wanted, and names only what happens to an existing table', () => {
    const takeover = { constraintReplaced: false, duplicatesRemoved: 0 };
    const plan = { ...bootstrap({ changed: true, takeover }), newSchema: 'auth', rules: [], rows: [] };
    const told = renderPlan(plan, { ...HERE, color: true });
    expect(told).toContain('\u001b[1mA bootstrap would change');
    expect(told).toContain('\n\u001b[32m  + schema auth\u001b[39m\n\n56');
  });

  test('of many rows shows the first of each seeder, and says what it does not list', () => {
    const seeder = { existing: 0, total: 70, durationMs: 1 };
    const plan = {
      ...bootstrap({ changed: true }),
      seeders: [
        { ...seeder, name: 'many', inserted: 70 },
        { ...seeder, name: 'other', inserted: 2 },
        { ...seeder, name: 'more than it counts', inserted: 1 },
      ],
      rules: [],
      newSchema: null,
      rows: ['many', 'more than it counts'].flatMap((name) =>
        Array.from({ length: 60 }, (_, id) => ({ seeder: name, table: 'a.b', values: { id } })),
      ),
    };
    const text = renderPlan(plan, HERE);
    expect(text).toContain(
      '\n  + a.b: id = 49\n  + 20 more rows by many\n  + 2 rows by other, beside 0 there (not listed)\n',
    );
    expect(text).toContain('\n  + 10 more rows by more than it counts\n');
    expect(text).not.toContain('id = 50');
    const seeders = [{ ...seeder, name: 'many', inserted: 50 }];
    const most = renderPlan({ ...plan, seeders, rows: plan.rows.slice(0, 50) }, HERE);
    expect(most).toMatch(/ {2}\+ a\.b: id = 49\n\n56/);
  });

  test('without anything says so', () => {
    expect(renderPlan({ ...bootstrap(), newSchema: null, rules: [], rows: [] }, HERE)).toContain(
      '\n\nA bootstrap would find nothing to do (tried in 85 ms).\n\n56 decisions',
    );
  });
});

describe('a status', () => {
  const status = {
    table: { name: 'public.casbin', layout: 'document', isMissing: false },
    packageMigrations: { applied: ['0001_casbin'], pending: [] },
    applicationMigrations: { applied: [], pending: ['001_a\u001b'] },
    version: null,
    rules: { defined: 16, stored: 18, missing: 0, extra: 2, keptAway: 0 },
    verification: verification({ drift: [ADDED_RULE], omitted: { failures: 0, drift: 2 } }),
    isComplete: false,
  } as const;

  test('has a fact in each line', () => {
    expect(renderStatus(status, HERE)).toBe(
      [
        '  database     PostgreSQL at localhost:5432/app, as app',
        '  table        public.casbin, layout document',
        '  migrations   1 applied, none pending',
        '  application  0 applied, 1 pending: 001_a\\u001b',
        '  rules        16 defined, 18 stored: 0 missing, 2 extra',
        '  decisions    56 decisions as defined',
        '  drift        3 findings: casbin-bootstrap verify lists them',
        '',
        'A bootstrap would have something to do: casbin-bootstrap plan tells what.',
      ].join('\n'),
    );
  });

  test('of a database that does not decide as defined counts the failures', () => {
    const failing = verification({
      ok: false,
      failures: [decision()],
      omitted: { failures: 3, drift: 0 },
      integrity: [
        { ids: [12], severity: 'failure', rule: ['p', 'f(x'], message: 'It can not be loaded.' },
        { ids: [13], severity: 'warning', rule: ['p9', 'x'], message: 'Nobody reads it.' },
        { ids: [14], severity: 'warning', rule: ['p9', 'y'], message: 'Nobody reads it.' },
      ],
      scope: { kind: 'part', rules: 16 },
    });
    const told = renderStatus({ ...status, verification: failing, isComplete: true }, HERE);
    expect(told).toContain('decisions    5 failures: casbin-bootstrap verify tells them');
    expect(told).toContain('drift        none, of the part that was read');
    expect(told).toContain('\n\nEverything that is defined is in place.');
  });

  test('without a table, or with migrations of another tool, says so', () => {
    const empty = {
      ...status,
      table: { ...status.table, isMissing: true },
      packageMigrations: null,
      verification: null,
    };
    expect(renderStatus(empty, HERE)).toMatch(
      /table {8}public\.casbin is missing\n {2}migrations {3}run by another tool\n.*decisions {4}not verified\n {2}drift {8}not verified\n/s,
    );
    const own = { ...empty, applicationMigrations: null };
    expect(renderStatus(own, HERE)).not.toContain('application');
    const pending = { applied: ['a'], pending: ['b', 'c'] };
    expect(renderStatus({ ...empty, packageMigrations: pending }, HERE)).toContain('2 pending: b, c\n');
  });

  test('is a note for each fact, and a warning if there is something to do', () => {
    const part = verification({ drift: [ADDED_RULE], scope: { kind: 'part', rules: 16 } });
    const told = listStatusRemarks({ ...status, verification: part });
    expect(renderCompact(told).split('\n')).toEqual([
      'table: public.casbin, layout document',
      'migrations: 1 applied, none pending',
      'application: 0 applied, 1 pending: 001_a\\u001b',
      'rules: 16 defined, 18 stored: 0 missing, 2 extra',
      'decisions: 56 decisions as defined',
      'drift: 1 finding, of the part that was read: casbin-bootstrap verify lists them',
      'warning: A bootstrap would have something to do: casbin-bootstrap plan tells what. [BOOTSTRAP_NEEDED]',
    ]);
    const complete = { ...status, isComplete: true };
    expect(listStatusRemarks(complete).map(({ level, code }) => [level, code])).toEqual(
      Array(6).fill(['note', 'STATUS']),
    );
    const colored = { ...HERE, color: true };
    expect(renderStatus(complete, colored)).toContain('\u001b[32mEverything');
    expect(renderStatus(status, colored)).toContain('\u001b[33mA bootstrap');
  });
});
