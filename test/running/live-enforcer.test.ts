import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createAdapter, createLiveEnforcer, type LiveEnforcerOptions } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { follow } from './live.fixture.ts';

describe.each(LAYOUTS)('a live enforcer on a table of layout $name', (layout) => {
  describe.each([true, false])('with a journal: %s', (journal) => {
    async function open(options: LiveEnforcerOptions = {}) {
      const database = await createBootstrapped({ ...layout.options, seeders: [], journal });
      const pool = database.pool();
      return { database, pool, ...(await follow(database, { ...layout.options, ...options }, pool)) };
    }

    const insert = (pool: pg.Pool, ...rules: string[][]) => layout.insert(pool, ...rules);

    test('decides as the policy of the database, and says how it follows it', async () => {
      const { live } = await open();
      expect(await live.enforce('admin', 'accounts', 'read')).toBe(true);
      expect(live.enforceSync('readonly', 'accounts', 'write')).toBe(false);
      expect(await live.enforceEx('user', 'accounts', 'read')).toEqual([
        true,
        ['readonly', 'accounts', 'read'],
      ]);
      expect(
        await live.batchEnforce([
          ['admin', 'users', 'read'],
          ['nobody', 'users', 'read'],
        ]),
      ).toEqual([true, false]);
      expect(live.state).toMatchObject({
        status: 'current',
        by: journal ? 'journal' : 'reload',
        error: null,
      });
    });

    test('has what anybody committed before caughtUp was called', async () => {
      const { live, pool } = await open();
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(false);
      await insert(pool, ['p', 'user', 'reports', 'read'], ['g', 'alice', 'user']);
      await live.caughtUp();
      expect(await live.enforce('alice', 'reports', 'read')).toBe(true);
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(true);
      await pool.query(`delete from ${layout.table} where ${layout.first} = 'alice'`);
      await live.caughtUp();
      expect(await live.enforce('alice', 'reports', 'read')).toBe(false);
      await pool.query(`truncate ${layout.table}`);
      await live.caughtUp();
      expect(await live.enforce('admin', 'accounts', 'read')).toBe(false);
    });

    test('shows what has changed', async () => {
      const { live, pool, changes } = await open();
      const client = await pool.connect();
      await client.query('begin');
      const adapter = createAdapter(client, layout.options);
      await adapter.addPolicy('p', 'p', ['user', 'reports', 'read']);
      await adapter.updatePolicy('p', 'p', ['user', 'reports', 'read'], ['user', 'reports', 'write']);
      await client.query('commit');
      client.release();
      await live.caughtUp();
      await live.caughtUp();
      const rule = { ptype: 'p', values: ['user', 'reports', 'write'] };
      expect(changes).toEqual([
        journal
          ? { reloaded: false, added: [rule], removed: [] }
          : { reloaded: true, added: [], removed: [] },
      ]);
    });

    test('decides on its own changes when the promise resolves, and other enforcers follow', async () => {
      const { live, database } = await open();
      const { live: other } = await follow(database, layout.options);

      expect(await live.addPolicy('user', 'reports', 'read')).toBe(true);
      expect(await live.addPolicy('user', 'reports', 'read')).toBe(false);
      expect(await live.addRoleForUser('alice', 'user')).toBe(true);
      expect(await live.enforce('alice', 'reports', 'read')).toBe(true);
      expect(await live.getRolesForUser('alice')).toEqual(['user']);
      expect(await live.updatePolicy(['user', 'reports', 'read'], ['user', 'reports', 'write'])).toBe(true);
      expect(await live.enforce('alice', 'reports', 'read')).toBe(false);
      expect(await live.hasPolicy('user', 'reports', 'write')).toBe(true);
      expect(await live.removePolicy('user', 'reports', 'read')).toBe(false);
      expect(await live.removeFilteredPolicy(1, 'reports')).toBe(true);
      expect(await live.getFilteredPolicy(1, 'reports')).toEqual([]);
      expect(await live.deleteUser('alice')).toBe(true);

      await other.caughtUp();
      expect(await other.getPolicy()).toEqual(await live.getPolicy());
      expect(await other.getGroupingPolicy()).toEqual(await live.getGroupingPolicy());
    });

    test('stores no rule that would keep every live enforcer from reading on', async () => {
      const { live, errors } = await open();
      await expect(live.addPolicy('user', 'reports')).rejects.toMatchObject({
        problems: [{ at: 'rule 1', code: 'RULE_WRONG_LENGTH' }],
      });
      const two = [
        ['user', 'reports', 'read'],
        ['user', 'reports', 'read', 'deny'],
      ];
      await expect(live.addPolicies(two)).rejects.toMatchObject({ problems: [{ at: 'rule 2' }] });
      await expect(live.addPoliciesEx(two)).rejects.toMatchObject({ problems: [{ at: 'rule 2' }] });
      await expect(live.addNamedPolicy('p2', 'user', 'reports', 'read')).rejects.toMatchObject({
        problems: [{ code: 'RULE_UNKNOWN_PTYPE' }],
      });
      await expect(
        live.updatePolicy(['user', 'accounts', 'write'], ['user', 'accounts']),
      ).rejects.toMatchObject({
        problems: [{ code: 'RULE_WRONG_LENGTH' }],
      });
      await live.caughtUp();
      expect({ errors, state: live.state }).toMatchObject({ errors: [], state: { error: null } });
      expect(await live.addPolicy('user', 'reports', 'read')).toBe(true);
    });

    test('refuses stored rules that do not fit its model, at its beginning and later', async () => {
      const { live, pool, database, errors } = await open();
      await insert(pool, ['p', 'user', 'reports', 'read', 'deny']);
      await expect(live.caughtUp()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
      const counted = live.state.by === 'journal' ? '1 of 1 rules that were changed' : '1 of 17 stored rules';
      expect(errors[0]).toMatchObject({
        code: 'RULES_DO_NOT_FIT_MODEL',
        message: expect.stringContaining(`${counted} do not fit the model ("p, user, reports, read, deny")`),
      });
      expect(live.state.error).toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
      expect(await live.enforce('user', 'reports', 'read')).toBe(false);
      await expect(follow(database, layout.options)).rejects.toMatchObject({
        code: 'RULES_DO_NOT_FIT_MODEL',
      });

      await pool.query(`delete from ${layout.table} where id = (select max(id) from ${layout.table})`);
      await expect.poll(() => live.caughtUp().then(() => live.state.error)).toBe(null);
    });

    test('sees changes of a transaction together', async () => {
      const { live, pool } = await open();
      const client = await pool.connect();
      await client.query('begin');
      await layout.insert(client, ['g', 'alice', 'user']);
      await live.caughtUp();
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(false);
      await client.query('commit');
      client.release();
      await live.caughtUp();
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(true);
    });
  });
});

describe('a live enforcer', () => {
  test('wrong options are reported at once', async () => {
    const pool = (await createDatabase()).pool();
    await expect(
      createLiveEnforcer(pool, { whenStale: 'maybe', maxStalenessMs: -1, polIntervalMs: 3 } as never),
    ).rejects.toMatchObject({
      problems: expect.arrayContaining(
        ['whenStale', 'maxStalenessMs', 'polIntervalMs'].map((at) => expect.objectContaining({ at })),
      ),
    });
    await expect(createLiveEnforcer(pool)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    const unreachable = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none' });
    await expect(createLiveEnforcer(unreachable)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('127.0.0.1:1'),
    });
  });
});
