import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  type PolicyDefinition,
  planBootstrap,
  VerificationError,
  verifyDatabase,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { untilWaiting } from '../tables/rule-table.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';
import { CLERK, FIRST, openVersioned } from './versions.fixture.ts';

describe.each(LAYOUTS)('a version after revocations, on a table of layout $name', (layout) => {
  const open = (bootstrapped?: PolicyDefinition) => openVersioned(layout, bootstrapped);

  test('does not bring back what changePolicy has revoked with a reason, until it is granted again', async () => {
    const { pool, bootstrap, change, stored, options } = await open(FIRST);
    const policy = { ...FIRST, allow: [['clerk', 'invoices', 'write']] } as const;
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'audit finding 12');

    const { logger, lines } = captureLog();
    const [report, verified] = [
      await bootstrap(policy, { logger }),
      await verifyDatabase(pool, { ...options, policy, strict: true }),
    ];

    const keptAway = [
      {
        rule: ['p', 'clerk', 'invoices', 'write'],
        because: 'revoked',
        actor: 'root',
        reason: 'audit finding 12',
        at: expect.any(Date),
      },
    ];
    expect(report).toMatchObject({ changed: false, verification: { ok: true, keptAway, drift: [] } });
    expect(verified).toMatchObject({ ok: true, keptAway });
    expect(linesOf(lines, 'rule_kept_away')).toMatchObject([
      { level: 30, rule: 'p, clerk, invoices, write', because: 'revoked', actor: 'root' },
    ]);
    expect(await planBootstrap(pool, { ...options, policy })).toMatchObject({ changed: false, rules: [] });
    expect((await bootstrap({ ...policy, version: 2 })).verification).toMatchObject({ keptAway });
    expect(await stored()).not.toContain('p clerk invoices write');

    await change({ grant: [['clerk', 'invoices', 'write']] });
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'clerk' and ptype = 'p'`);
    expect((await bootstrap({ ...policy, version: 2 })).changed).toBe(true);
    expect(await stored()).toContain('p clerk invoices write');
  });

  test('knows what was revoked in a schema that is not on the search_path', async () => {
    const { bootstrap, change } = await open();
    const schema = 'auth';
    await bootstrap(FIRST, { schema });
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'ticket 7', { schema });

    const { changed, verification } = await bootstrap(FIRST, { schema });

    expect(changed).toBe(false);
    expect(verification.keptAway).toMatchObject([{ because: 'revoked', reason: 'ticket 7' }]);
  });

  test('is refused where a rule that stays away is the one that denied what must never be', async () => {
    const { pool, bootstrap } = await open();
    const text = modelText({
      p: 'sub, obj, act, eft',
      e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
    });
    const request = ['guest', 'data', 'read'];
    const rules = ['allow', 'deny'].map((effect) => ['p', ...request, effect]);
    const policy = { version: 1, rules, never: [request], onRevoked: 'keep' } as const;
    const more = { model: newModelFromString(text) };
    await bootstrap(policy, more);
    await pool.query(`delete from ${layout.table} where id = 2`);

    await expect(bootstrap(policy, more)).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      report: { failures: [{ kind: 'never', request }] },
    });
  });

  test('logs a hundred of the rules that stay away, and reports all', async () => {
    const { pool, bootstrap } = await open();
    const rules = Array.from({ length: 102 }, (_, n) => ['p', 'clerk', `invoice${n}`, 'read']);
    const policy = { version: 1, rules, onRevoked: 'keep' } as const;
    await bootstrap(policy);
    await pool.query(`delete from ${layout.table}`);
    const { logger, lines } = captureLog();

    const { verification } = await bootstrap(policy, { logger, verify: false });

    expect(verification.keptAway).toHaveLength(102);
    expect(linesOf(lines, 'rule_kept_away')).toHaveLength(100);
  });

  test('inserts other vanished rules again, and under keep reports them as drift', async () => {
    const { pool, bootstrap, change, stored, options } = await open();
    const clerk = { ...CLERK, onRevoked: 'keep' } as const;
    const policy = { ...FIRST, roles: { ...FIRST.roles, clerk } } as const;
    await bootstrap(policy);
    await change({ revoke: [['intern', 'notes', 'write']] });
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'clerk'`);

    const { logger, lines } = captureLog();
    const report = await bootstrap(policy, { logger });

    expect(await stored()).toEqual(['p viewer invoices read', 'g intern viewer', 'p intern notes write']);
    expect(linesOf(lines, 'rule_kept_away').map(({ level }) => level)).toEqual([40, 40]);
    const because = 'vanished';
    expect(report.verification).toMatchObject({
      ok: true,
      keptAway: [
        { rule: ['p', 'clerk', 'invoices', 'write'], because },
        { rule: ['g', 'clerk', 'viewer'], because },
      ],
      drift: [
        { rule: ['p', 'clerk', 'invoices', 'write'], added: [], holders: null },
        { rule: ['g', 'clerk', 'viewer'] },
      ],
    });
    expect((await bootstrap(policy)).changed).toBe(false);
    expect((await verifyDatabase(pool, { ...options, policy, strict: true })).ok).toBe(false);
    // A rule that is new in the definition has not vanished.
    const more = { ...clerk, permissions: { invoices: ['write', 'approve'] } };
    await bootstrap({ ...policy, roles: { ...policy.roles, clerk: more } });
    expect(await stored()).toContain('p clerk invoices approve');
    expect(await stored()).not.toContain('p clerk invoices write');
  });

  test('inserts all rules into a table that is made again, under keep too, but what was revoked with a reason', async () => {
    const { pool, bootstrap, change, stored } = await open();
    const policy = { ...FIRST, onRevoked: 'keep' } as const;
    await bootstrap(policy);
    await change({ revoke: [['intern', 'notes', 'write']] }, 'no interns any more');
    await pool.query(`drop table ${layout.table}`);
    await pool.query(`delete from casbin_bootstrap_migration where name like '0001%'`);

    const { verification } = await bootstrap(policy);

    expect(verification).toMatchObject({
      ok: true,
      keptAway: [{ rule: ['p', 'intern', 'notes', 'write'], because: 'revoked' }],
    });
    expect((await stored()).toSorted()).toEqual([
      'g clerk viewer',
      'g intern viewer',
      'p clerk invoices write',
      'p viewer invoices read',
    ]);
  });

  test('still refuses what must never be allowed where a rule stays away', async () => {
    const { bootstrap, change } = await open();
    const policy = { ...FIRST, never: [['intern', 'invoices', 'write']] } as const;
    await bootstrap(policy);
    await change(
      { revoke: [['viewer', 'invoices', 'read']], grant: [['intern', 'invoices', 'write']] },
      'test',
    );

    await expect(bootstrap(policy)).rejects.toThrow(VerificationError);
  });

  test('refuses a policy in which something is allowed that must never be, as its denying rule stays away', async () => {
    const { bootstrap, change } = await open();
    const model = newModelFromString(
      modelText({
        p: 'sub, obj, act, eft',
        e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
      }),
    );
    const rules = [
      ['p', 'viewer', 'invoices', 'read', 'allow'],
      ['p', 'viewer', 'invoices', 'write', 'allow'],
      ['p', 'intern', 'invoices', 'write', 'deny'],
      ['g', 'intern', 'viewer'],
    ];
    const policy = { version: 1, rules, deny: [['intern', 'invoices', 'write']] };
    await bootstrap(policy, { model });
    await change({ revoke: [['intern', 'invoices', 'write', 'deny']] }, 'they may now', { model });

    expect((await bootstrap(policy, { model })).verification).toMatchObject({ ok: true, drift: [] });
    const strict = { ...policy, never: policy.deny, deny: [] };
    await expect(bootstrap(strict, { model })).rejects.toMatchObject({
      report: { failures: [{ kind: 'never', request: ['intern', 'invoices', 'write'] }] },
    });
  });

  test('does not bring back what somebody is just revoking with a reason', async () => {
    const { pool, bootstrap, stored, options } = await open(FIRST);
    const client = await pool.connect();
    await client.query('begin');
    const by = { ...options, actor: 'root', reason: 'ticket 7' };
    await changePolicy(client, { revoke: [['clerk', 'invoices', 'write']] }, by);

    const renewing = bootstrap({ ...FIRST, version: 2 });
    await untilWaiting(pool, 1);
    await client.query('commit');
    client.release();

    expect((await renewing).verification.keptAway).toMatchObject([{ because: 'revoked' }]);
    expect(await stored()).not.toContain('p clerk invoices write');
  });
});

test('a revocation has its own time, not that of its transaction, whatever the time zone of the session', async () => {
  const pool = (await createDatabase()).pool({ options: '-c TimeZone=Asia/Tokyo' });
  const options = { policy: FIRST, seeders: [] };
  await bootstrapDatabase(pool, options);
  const client = await pool.connect();
  await client.query('begin');
  await changePolicy(client, { revoke: [['clerk', 'invoices', 'write']] }, { actor: 'root', reason: 'left' });
  const { rows } = await client.query(
    'select revoked_at > now() as later from casbin_bootstrap_rule where revoked_at is not null',
  );
  await client.query('commit');
  client.release();
  expect(rows).toEqual([{ later: true }]);

  const [kept] = (await bootstrapDatabase(pool, options)).verification.keptAway;

  expect(Math.abs(Number(kept?.at) - Date.now())).toBeLessThan(3_600_000);
});
