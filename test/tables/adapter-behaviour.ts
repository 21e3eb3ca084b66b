import { type FilteredAdapter, newEnforcer } from 'casbin';
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { rbacModel } from '../casbin/models.fixture.ts';
import type { LayoutFixture } from './layouts.fixture.ts';
import { storedRules } from './rule-table.fixture.ts';

/** What the stock adapter offers, and with it ours. */
type Adapter = FilteredAdapter & Pick<PostgresAdapter, 'enabledFiltered'>;

/** What an adapter on a rule table has always done right, and must go on doing. */
export function behavesAsAdapter(
  name: string,
  pool: pg.Pool,
  layout: LayoutFixture,
  open: () => Promise<Adapter>,
): void {
  describe(name, () => {
    let adapter: Adapter;

    beforeEach(async () => {
      adapter = await open();
      await pool.query(`truncate ${layout.table} restart identity`);
      await layout.insert(
        pool,
        ['p', 'reader', 'data1', 'read'],
        ['p', 'writer', 'data1', 'write'],
        ['p', 'writer', 'data2', 'write'],
        ['g', 'alice', 'writer'],
        ['g', 'writer', 'reader'],
        ['p9', 'of', 'another', 'model'],
      );
    });

    async function loadedWith(filter: unknown): Promise<string[][]> {
      const enforcer = await newEnforcer(rbacModel());
      enforcer.setAdapter(adapter);
      await enforcer.loadFilteredPolicy(filter);
      const rules = [...(await enforcer.getPolicy()), ...(await enforcer.getGroupingPolicy())];
      return rules.map((rule) => rule.slice(0, 2));
    }

    it('is a casbin-pg-adapter', () => {
      expect(adapter).toBeInstanceOf(PostgresAdapter);
    });

    it('loads the policy that an enforcer decides on', async () => {
      const enforcer = await newEnforcer(rbacModel(), adapter);
      expect(await enforcer.enforce('alice', 'data1', 'read')).toBe(true);
      expect(await enforcer.enforce('alice', 'data2', 'write')).toBe(true);
      expect(await enforcer.enforce('alice', 'data2', 'read')).toBe(false);
      expect(await enforcer.enforce('bob', 'data1', 'read')).toBe(false);
    });

    it('leaves out rules of a ptype that the model lacks', async () => {
      const model = rbacModel();
      await adapter.loadPolicy(model);
      expect(model.getPolicy('p', 'p')).toHaveLength(3);
      expect(model.getPolicy('g', 'g')).toHaveLength(2);
    });

    it('stores an added rule as its ptype and its values, in their order', async () => {
      const enforcer = await newEnforcer(rbacModel(), adapter);
      await enforcer.addPolicy('bob', 'data1', 'read');
      await enforcer.addRoleForUser('carol', 'reader');
      expect((await storedRules(pool, layout.table)).slice(6)).toEqual([
        ['p', 'bob', 'data1', 'read'],
        ['g', 'carol', 'reader'],
      ]);
    });

    it('removes a rule and keeps the others', async () => {
      const enforcer = await newEnforcer(rbacModel(), adapter);
      await enforcer.removePolicy('writer', 'data1', 'write');
      await enforcer.deleteRoleForUser('alice', 'writer');
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'reader', 'data1', 'read'],
        ['p', 'writer', 'data2', 'write'],
        ['g', 'writer', 'reader'],
        ['p9', 'of', 'another', 'model'],
      ]);
    });

    it('removes rules by some of their values, an empty one standing for any', async () => {
      const enforcer = await newEnforcer(rbacModel(), adapter);
      await enforcer.removeFilteredPolicy(0, 'writer', '', 'write');
      expect(await enforcer.getPolicy()).toEqual([['reader', 'data1', 'read']]);
      await enforcer.removeFilteredGroupingPolicy(1, 'reader');
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'reader', 'data1', 'read'],
        ['g', 'alice', 'writer'],
        ['p9', 'of', 'another', 'model'],
      ]);
    });

    it('saves a whole policy and replaces the stored one', async () => {
      adapter.enabledFiltered(false);
      const enforcer = await newEnforcer(rbacModel(), adapter);
      enforcer.enableAutoSave(false);
      await enforcer.removePolicy('reader', 'data1', 'read');
      await enforcer.addPolicy('reader', 'data3', 'read');
      expect(await enforcer.savePolicy()).toBe(true);
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'writer', 'data1', 'write'],
        ['p', 'writer', 'data2', 'write'],
        ['p', 'reader', 'data3', 'read'],
        ['g', 'alice', 'writer'],
        ['g', 'writer', 'reader'],
      ]);
    });

    it('loads the ptypes that a filter names, whole or by value', async () => {
      expect(await loadedWith({ p: ['writer'] })).toEqual([
        ['writer', 'data1'],
        ['writer', 'data2'],
      ]);
      expect(await loadedWith({ p: ['', 'data1', null], g: [] })).toEqual([
        ['reader', 'data1'],
        ['writer', 'data1'],
        ['alice', 'writer'],
        ['writer', 'reader'],
      ]);
      expect(await loadedWith({ p: [undefined, 'data1', 'write'] })).toEqual([['writer', 'data1']]);
    });

    it('loads by patterns when a filter asks for them', async () => {
      expect(await loadedWith({ p: ['like:read%'] })).toEqual([['reader', 'data1']]);
      expect(await loadedWith({ p: ['regex:^w', 'regex:[2-9]$'] })).toEqual([['writer', 'data2']]);
    });

    it('treats the values of a filter as values, never as SQL', async () => {
      expect(await loadedWith({ p: ["' or true --"], "g' or true --": [] })).toEqual([]);
    });

    it('loads everything without a filter, and with an empty one', async () => {
      expect(await loadedWith(undefined)).toHaveLength(5);
      expect(await loadedWith({})).toHaveLength(5);
    });

    it('makes the enforcer refuse to save after a part was loaded', async () => {
      const enforcer = await newEnforcer(rbacModel(), adapter);
      await enforcer.loadFilteredPolicy({ p: ['writer'] });
      await expect(enforcer.savePolicy()).rejects.toThrow('filtered');
    });
  });
}
