import { EnforceContext, newModel } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  createLiveEnforcer,
  domainsModelPath,
  type LiveEnforcerOptions,
} from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { follow, NEVER_MS } from './live.fixture.ts';

const OUT_OF_SLICE = { name: 'BootstrapError', code: 'OUT_OF_SLICE' };

describe.each(LAYOUTS)('a live enforcer for a subject, on a table of layout $name', (layout) => {
  describe.each([true, false])('with a journal: %s', (journal) => {
    async function open(options: LiveEnforcerOptions) {
      const database = await createBootstrapped({ ...layout.options, seeders: [], journal });
      const pool = database.pool();
      await layout.insert(pool, ['g', 'alice', 'readonly'], ['g', 'bob', 'admin']);
      const { live, changes } = await follow(database, { ...layout.options, ...options }, pool);
      return { pool, live, changes };
    }

    test('holds only what the subject can reach', async () => {
      const { live } = await open({ subject: 'alice' });
      expect(await live.enforce('alice', 'accounts', 'read')).toBe(true);
      expect(await live.enforce('alice', 'accounts', 'write')).toBe(false);
      const subjects = new Set((await live.getPolicy()).map(([subject]) => subject));
      expect([...subjects]).toEqual(['readonly']);
      expect(await live.getGroupingPolicy()).toEqual([['alice', 'readonly']]);
    });

    test('throws for another subject, and says what to do', async () => {
      const { live } = await open({ subject: 'alice' });
      const message =
        'The request is about the subject "bob", and this live enforcer has only the rules for the subject "alice". Make it with that subject too, or without the option "subject".';
      expect(() => live.enforceSync('bob', 'accounts', 'read')).toThrow(message);
      expect(() => live.enforceExSync('bob', 'accounts', 'read')).toThrow(message);
      for (const decision of [
        live.enforce('bob', 'accounts', 'read'),
        live.enforceEx('bob', 'accounts', 'read'),
        live.batchEnforce([
          ['alice', 'accounts', 'read'],
          ['bob', 'accounts', 'read'],
        ]),
        live.enforce({ toString: () => 'alice' }, 'accounts', 'read'),
        live.enforceWithMatcher('true', 'alice', 'accounts', 'read'),
        live.enforceExWithMatcher('true', 'alice', 'accounts', 'read'),
      ]) {
        await expect(decision).rejects.toMatchObject(OUT_OF_SLICE);
      }
      await expect(live.enforce('alice', 'accounts')).rejects.toThrow('invalid request size');
    });

    test('has the rules of a role that the subject is given, and passes over what concerns others', async () => {
      const { live, pool, changes } = await open({ subject: ['alice', 'carol'] });
      await layout.insert(pool, ['g', 'bob', 'user'], ['p', 'admin', 'reports', 'read']);
      await live.caughtUp();
      expect(changes).toEqual([]);

      await layout.insert(pool, ['g', 'alice', 'admin']);
      await live.caughtUp();
      expect(live.enforceSync('alice', 'reports', 'read')).toBe(true);
      expect(changes).toHaveLength(1);

      // The new role is followed from there on.
      await layout.insert(pool, ['p', 'admin', 'reports', 'write'], ['g', 'admin', 'auditor']);
      await layout.insert(pool, ['p', 'auditor', 'log', 'read']);
      await live.caughtUp();
      expect(live.enforceSync('alice', 'reports', 'write')).toBe(true);
      expect(live.enforceSync('alice', 'log', 'read')).toBe(true);
      expect(live.enforceSync('carol', 'log', 'read')).toBe(false);

      // It has the rules of that role, so a link to it and a new rule of it are all that it has to read.
      await layout.insert(pool, ['g', 'carol', 'admin'], ['p', 'admin', 'log', 'write']);
      await live.caughtUp();
      expect(live.enforceSync('carol', 'log', 'read')).toBe(true);
      expect(changes.at(-1)?.reloaded).toBe(!journal);
      await pool.query(`delete from ${layout.table} where ${layout.first} = 'alice'`);
      await live.caughtUp();
      expect(live.enforceSync('alice', 'reports', 'write')).toBe(false);
    });

    test('reports a rule that the model does not know only if it is about what the subject can reach', async () => {
      const { live, pool } = await open({ subject: 'alice' });
      await layout.insert(pool, ['p9', 'bob', 'accounts', 'read']);
      await live.caughtUp();
      await layout.insert(pool, ['p9', 'readonly', 'accounts', 'read']);
      await expect(live.caughtUp()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
    });

    test('writes what it can see, and nothing else', async () => {
      const { live } = await open({ subject: 'alice' });
      expect(await live.addRoleForUser('alice', 'user')).toBe(true);
      expect(live.enforceSync('alice', 'accounts', 'write')).toBe(true);
      expect(await live.deleteRolesForUser('alice')).toBe(true);
      expect(live.enforceSync('alice', 'accounts', 'read')).toBe(false);
      for (const change of [
        live.addRoleForUser('bob', 'user'),
        live.addPolicies([['nobody', 'reports', 'read']]),
        live.addPoliciesEx([['nobody', 'reports', 'read']]),
        live.removePolicy('admin', 'accounts', 'read'),
        live.updatePolicy(['alice', 'accounts', 'read'], ['bob', 'accounts', 'read']),
        live.updatePolicy(['admin', 'accounts', 'read'], ['alice', 'accounts', 'read']),
        live.removeFilteredPolicy(1, 'alice'),
        live.deleteRole('admin'),
      ]) {
        await expect(change).rejects.toMatchObject(OUT_OF_SLICE);
      }
    });
  });
});

test('a live enforcer for a domain holds the rules of that domain', async () => {
  const pool = (await createDatabase()).pool();
  const rules = ['acme', 'umbrella'].flatMap((domain) => [
    ['p', 'clerk', domain, 'invoices', 'read'],
    ['g', 'alice', 'clerk', domain],
  ]);
  const given = { model: domainsModelPath, policy: { rules }, seeders: [], journal: true };
  await bootstrapDatabase(pool, given);
  await using live = await createLiveEnforcer(pool, { ...given, domain: 'acme', pollIntervalMs: NEVER_MS });
  expect(await live.getPolicy()).toEqual([['clerk', 'acme', 'invoices', 'read']]);
  expect(await live.getGroupingPolicy()).toEqual([['alice', 'clerk', 'acme']]);
  expect(live.enforceSync('alice', 'acme', 'invoices', 'read')).toBe(true);
  expect(() => live.enforceSync('alice', 'umbrella', 'invoices', 'read')).toThrow('the domain "umbrella"');
  await expect(live.deleteUser('alice')).rejects.toMatchObject(OUT_OF_SLICE);
  // An empty value of a filter is any.
  const filtered = live.removeFilteredGroupingPolicy(0, 'alice', 'clerk', '');
  await expect(filtered).rejects.toMatchObject(OUT_OF_SLICE);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["bob", "clerk", "acme"]')`);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["carol", "clerk", "umbrella"]')`);
  await live.caughtUp();
  expect(live.enforceSync('bob', 'acme', 'invoices', 'read')).toBe(true);
  expect(await live.getUsersForRole('clerk', 'acme')).toEqual(['alice', 'bob']);

  await pool.query(`insert into casbin (ptype, rule) values ('p', '["clerk"]')`);
  await expect(live.caughtUp()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL' });
});

test('a live enforcer for a subject reads all rules where functions of the application may follow links', async () => {
  const pool = (await createDatabase()).pool();
  const given = { configureEnforcer: () => {}, seeders: [] };
  await bootstrapDatabase(pool, given);
  await using live = await createLiveEnforcer(pool, { ...given, subject: 'readonly' });
  expect(new Set((await live.getPolicy()).map(([subject]) => subject)).size).toBeGreaterThan(1);
  expect(() => live.enforceSync('admin', 'accounts', 'read')).toThrow('the subject "admin"');
});

test('a live enforcer for a subject finds it in the requests of a context too', async () => {
  const pool = (await createDatabase()).pool();
  const text = modelText({
    r: 'sub, obj, act\nr2 = act, sub',
    m: 'r.sub == p.sub\nm2 = r2.sub == p.sub && r2.act == p.act',
  });
  const given = { model: newModel(text), policy: { rules: [['p', 'alice', 'data', 'read']] }, seeders: [] };
  await bootstrapDatabase(pool, given);
  await using live = await createLiveEnforcer(pool, { ...given, subject: 'alice' });
  const context = () => new EnforceContext('r2', 'p', 'e', 'm2');
  expect(live.enforceSync(context(), 'read', 'alice')).toBe(true);
  expect(live.enforceSync(context(), 'write', 'alice')).toBe(false);
  expect(() => live.enforceSync(context(), 'alice', 'bob')).toThrow('the subject "bob"');
});

test('invalid subjects and domains of a slice are reported at once', async () => {
  const pool = (await createDatabase()).pool();
  const wrong = createLiveEnforcer(pool, { subject: [], domain: 'acme', model: newModel(modelText()) });
  await expect(wrong).rejects.toMatchObject({
    problems: [
      { at: 'subject', message: expect.stringContaining('must not be an empty list') },
      { at: 'domain', message: expect.stringContaining('have no domain') },
    ],
  });
  await expect(createLiveEnforcer(pool, { subject: ['a', ''] })).rejects.toMatchObject({
    problems: [{ at: 'subject[1]' }],
  });
});
