import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  type PolicyDefinition,
  readJournal,
  readStatus,
  verifyDatabase,
  writeBootstrapSql,
} from '../../src/index.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { untilWaiting } from '../tables/rule-table.fixture.ts';
import { captureLog, linesOf, WARN } from './log.fixture.ts';
import { CLERK, FIRST, openVersioned, VIEWER } from './versions.fixture.ts';

/** Statements that copy the record for a table of another name. */
function addRecordOf(source: string): string[] {
  return ['casbin_bootstrap_version', 'casbin_bootstrap_rule'].map(
    (table) =>
      `insert into ${table} select (jsonb_populate_record(old, '{"source": "${source}"}')).* from ${table} old`,
  );
}

describe.each(LAYOUTS)('a definition with a version, on a table of layout $name', (layout) => {
  const open = (bootstrapped?: PolicyDefinition) => openVersioned(layout, bootstrapped);
  const RENAMED = { name: 'rules', layout: layout.name };

  test.each(['a bootstrap', 'SQL'])('keeps its record where the table is renamed, by %s', async (by) => {
    const { pool, bootstrap, change, options } = await open(FIRST);
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'left the company');
    await pool.query(`alter table ${layout.table} rename to rules`);
    const policy = {
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    };
    if (by === 'SQL') await pool.query(await writeBootstrapSql({ ...options, table: RENAMED, policy }));

    const { ownership, verification } = await bootstrap(policy, { table: RENAMED });

    const removed = [
      ['p', 'intern', 'notes', 'write'],
      ['g', 'intern', 'viewer'],
    ];
    expect(ownership).toMatchObject(
      by === 'SQL' ? { before: 2, removed: [] } : { before: 1, removed: expect.arrayContaining(removed) },
    );
    expect(verification.keptAway).toMatchObject([{ because: 'revoked', reason: 'left the company' }]);
    const { rows } = await pool.query('select count(*)::int as rules from rules');
    expect(rows).toEqual([{ rules: 2 }]);
    await expect(bootstrap(policy, { table: RENAMED })).resolves.toMatchObject({ changed: false });
  });

  test('keeps its record where the table is renamed, and another schema has one of the former name', async () => {
    const { pool, bootstrap } = await open(FIRST);
    const second = { ...FIRST, version: 2 };
    for (const policy of [FIRST, second]) await bootstrap(policy, { schema: 'app' });
    await pool.query(`alter table app.${layout.table} rename to rules`);
    await expect(bootstrap(second, { schema: 'app', table: RENAMED })).resolves.toMatchObject({
      ownership: { before: 2 },
    });
  });

  test('has its record beside the table, where another schema comes first on the search_path', async () => {
    const { bootstrap, database, options } = await open(FIRST);
    const pool = database.pool({ options: '-c search_path=public,app' });
    const ofApp = { ...options, policy: FIRST, table: RENAMED };
    await bootstrap(FIRST, { schema: 'app', table: RENAMED });
    await expect(readStatus(pool, ofApp)).resolves.toMatchObject({
      version: { defined: 1, newest: 1 },
      isComplete: true,
    });
    await expect(bootstrapDatabase(pool, ofApp)).resolves.toMatchObject({
      changed: false,
      ownership: { before: 1 },
    });
  });

  test('has a record for each of two tables with the same rules', async () => {
    const { bootstrap } = await open(FIRST);
    await bootstrap(FIRST, { table: RENAMED });
    const policy = {
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    };
    for (const more of [{ table: RENAMED }, {}]) {
      const { ownership } = await bootstrap(policy, more);
      expect(ownership?.removed.toSorted()).toEqual([
        ['g', 'intern', 'viewer'],
        ['p', 'intern', 'notes', 'write'],
      ]);
    }
  });

  test('takes no record over from a table that is still there, or that had other rules', async () => {
    const { pool, bootstrap } = await open(FIRST);
    const other = {
      version: 1,
      roles: { viewer: { permissions: { notes: ['read'] } }, clerk: { permissions: { viewer: ['read'] } } },
    };
    await expect(bootstrap(other, { table: RENAMED })).resolves.toMatchObject({
      ownership: { before: null },
    });
    await pool.query(
      `drop table ${layout.table}; delete from casbin_bootstrap_version where source = 'rules'`,
    );
    await expect(bootstrap(other, { table: RENAMED })).resolves.toMatchObject({
      ownership: { before: null },
    });
    const { rows } = await pool.query('select source from casbin_bootstrap_version order by 1');
    expect(rows).toEqual([layout.table, 'rules'].map((source) => ({ source })));
  });

  describe('takes no record over', () => {
    test.each([layout.table, 'Rules, old'])(
      'where the table that has it, "%s", is still there, with the same rules',
      async (name) => {
        const { pool, bootstrap } = await open();
        const table = { name, layout: layout.name };
        await bootstrap(FIRST, { table });
        await pool.query(`create table rules (like "${name}" including all)`);
        await pool.query(`insert into rules select * from "${name}"`);
        await expect(bootstrap(FIRST, { table: RENAMED })).resolves.toMatchObject({
          ownership: { before: null },
        });
        await expect(bootstrap(FIRST, { table })).resolves.toMatchObject({ ownership: { before: 1 } });
      },
    );

    test('where two tables that are gone had these rules', async () => {
      const { pool, bootstrap } = await open(FIRST);
      for (const statement of addRecordOf('gone')) await pool.query(statement);
      await pool.query(`alter table ${layout.table} rename to rules`);
      await expect(bootstrap(FIRST, { table: RENAMED })).resolves.toMatchObject({
        ownership: { before: null },
      });
    });

    test('by SQL, where the table has one', async () => {
      const { pool, options } = await open(FIRST);
      for (const statement of addRecordOf('gone')) await pool.query(statement);
      await pool.query(await writeBootstrapSql({ ...options, policy: FIRST }));
      const { rows } = await pool.query('select source from casbin_bootstrap_version order by 1');
      expect(rows).toEqual([layout.table, 'gone'].map((source) => ({ source })));
    });
  });

  test('does nothing to a policy that a newer version was bootstrapped with, and says so', async () => {
    const { pool, bootstrap, stored, options } = await open(FIRST);
    await bootstrap({
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    });
    const before = await stored();
    const withExpectation = { ...FIRST, allow: [['intern', 'notes', 'write']] } as const;

    const report = await bootstrap(withExpectation);

    expect(report).toMatchObject({ changed: false, ownership: { version: 1, before: 2, isOlder: true } });
    expect(report.verification).toMatchObject({
      ok: true,
      keptAway: [
        { rule: ['p', 'intern', 'notes', 'write'], because: 'newer version', actor: null },
        { rule: ['g', 'intern', 'viewer'], because: 'newer version' },
      ],
    });
    expect(await stored()).toEqual(before);
    expect(await verifyDatabase(pool, { ...options, policy: withExpectation })).toMatchObject({ ok: true });
    expect(await readStatus(pool, { ...options, policy: FIRST })).toMatchObject({
      version: { defined: 1, newest: 2 },
      rules: { defined: 5, stored: 3, missing: 0, extra: 0, keptAway: 2 },
      isComplete: true,
    });
  });

  test('does nothing to the policy either when it has something else to do', async () => {
    const { pool, bootstrap, stored } = await open();
    await bootstrap({ version: 2, roles: { viewer: VIEWER } });
    const before = await stored();
    const recorded = async () => (await pool.query('select * from casbin_bootstrap_rule')).rows;
    const recordedBefore = await recorded();
    const migrations = { '001_notes': { up: async () => {} } };

    const report = await bootstrap(FIRST, { migrations });

    expect(report).toMatchObject({ changed: true, ownership: { isOlder: true } });
    expect(await stored()).toEqual(before);
    expect(await recorded()).toEqual(recordedBefore);
    const { rows } = await pool.query('select version from casbin_bootstrap_version');
    expect(rows).toEqual([{ version: 2 }]);
  });

  test('leaves users the role that an older version had retired, and a newer one defines again', async () => {
    const { pool, bootstrap, change, stored, options } = await open();
    await bootstrap({ version: 2, roles: { viewer: VIEWER, intern: VIEWER } });
    await change({ assign: [['ann', 'intern']] });
    const older: PolicyDefinition = {
      version: 1,
      roles: { viewer: VIEWER },
      retired: { roles: { intern: { reassign: 'viewer' } } },
    };
    const report = await bootstrap(older, { migrations: { '001_notes': { up: async () => {} } } });
    expect(report).toMatchObject({ changed: true, ownership: { isOlder: true, reassigned: 0 } });
    expect(await stored()).toContain('g ann intern');
    expect(await verifyDatabase(pool, { ...options, policy: older })).toMatchObject({ left: [] });
  });

  test('is verified on a database without a record, too', async () => {
    const { pool, bootstrap, options } = await open();
    await bootstrap({ roles: { viewer: VIEWER } });
    const policy = { version: 1, roles: { viewer: VIEWER } };
    expect(await verifyDatabase(pool, { ...options, policy })).toMatchObject({ ok: true, keptAway: [] });
  });

  test('logs what it retires or would retire, and that an older version does nothing', async () => {
    const { bootstrap, change } = await open(FIRST);
    await change({
      assign: [
        ['ann', 'intern'],
        ['bob', 'intern'],
      ],
    });
    const retired = { roles: { intern: { reassign: 'viewer' } } } as const;
    const policy = { version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired };

    const { logger, lines } = captureLog();
    await bootstrap(policy, { logger, dryRun: true });
    await bootstrap(policy, { logger });
    await bootstrap(FIRST, { logger });

    const counts = { level: WARN, version: 2, renamed: [], removed: 2, reassigned: 2 };
    expect(linesOf(lines, 'policy_retired')).toMatchObject([
      { ...counts, msg: 'Would rename and retire parts of the policy' },
      { ...counts, msg: 'Parts of the policy renamed and retired' },
    ]);
    expect(linesOf(lines, 'older_version')).toMatchObject([{ level: WARN, version: 1, newest: 2 }]);
  });

  test('treats the rules of a database that was bootstrapped before as its own', async () => {
    const { bootstrap, stored } = await open();
    const { version: _, ...unversioned } = FIRST;
    await bootstrap(unversioned);
    await bootstrap(FIRST);

    await bootstrap({
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    });

    expect(await stored()).toEqual(['p viewer invoices read', 'p clerk invoices write', 'g clerk viewer']);
  });

  test('does not deadlock with a transaction that changes defined rules one after the other', async () => {
    const { pool, bootstrap, options } = await open(FIRST);
    const client = await pool.connect();
    const by = { ...options, actor: 'root', reason: 'ticket 7' };
    await client.query(`set deadlock_timeout = '10ms'; begin`);
    const users = Array.from({ length: 70 }, (_, index) => ['p', `bot${index}`, 'invoices', 'read']);
    await changePolicy(client, { assign: [['carol', 'clerk']] }, by);

    const renewing = bootstrap({ ...FIRST, version: 2, rules: users });
    await untilWaiting(pool, 1);
    await changePolicy(client, { revoke: [['clerk', 'invoices', 'write']] }, by);
    await client.query('commit');
    client.release();

    const { verification, seeders } = await renewing;
    expect(seeders).toMatchObject([{ inserted: 70 }]);
    expect(verification.keptAway).toMatchObject([{ because: 'revoked', reason: 'ticket 7' }]);
  });

  test('does not deadlock with a session that grants rules that it adds', async () => {
    const { pool, bootstrap, options } = await open(FIRST);
    const [holder, client] = [await pool.connect(), await pool.connect()];
    await holder.query('begin; select from casbin_bootstrap_rule for update');
    const rules = ['bob', 'eve'].map((name) => ['p', name, 'invoices', 'read']);

    const renewing = bootstrap({ ...FIRST, version: 2, rules });
    await untilWaiting(pool, 1);
    await client.query(`set deadlock_timeout = '10ms'`);
    const changing = changePolicy(
      client,
      { grant: [['bob', 'invoices', 'read']] },
      { ...options, actor: 'root' },
    );
    await untilWaiting(pool, 2);
    await holder.query('commit');

    expect((await renewing).seeders).toMatchObject([{ inserted: 2 }]);
    await changing;
    for (const used of [holder, client]) used.release();
  });

  test('keeps its record where that of the migrations is lost', async () => {
    const { pool, bootstrap } = await open(FIRST);
    await pool.query('drop table casbin_bootstrap_migration');
    await expect(bootstrap(FIRST)).resolves.toMatchObject({ ownership: { before: 1 } });
  });

  test('is in the journal, with the version as release', async () => {
    const { pool, bootstrap } = await open();
    await bootstrap(FIRST, { journal: true });
    await bootstrap(
      { version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired: { roles: { intern: {} } } },
      { journal: true },
    );

    const removed = (await readJournal(pool)).filter(({ operation }) => operation === 'removed');
    expect(removed).toHaveLength(2);
    expect(removed[0]).toMatchObject({ actor: 'casbin-bootstrap', release: '2' });
  });
});
