import type pg from 'pg';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createEnforcer } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { openWire, type Wire } from '../support/wire.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { countRules, inTransaction, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createLayouts(pool));

/** Three portions. */
const MANY = 25_000;

/** What a rule is made of, for a number `n`. */
const VALUES = {
  document: `case ptype
    when 'g' then jsonb_build_array('role' || n, 'role' || n - 10)
    else jsonb_build_array('role' || n % 100, 'data' || n, 'read') end`,
  columns: `'role' || case ptype when 'g' then n else n % 100 end,
    case ptype when 'g' then 'role' || n - 10 else 'data' || n end,
    case ptype when 'p' then 'read' end`,
};

function policyOf(model = rbacModel()): string[][] {
  return ['p', 'g'].flatMap((ptype) => model.getPolicy(ptype, ptype).map((values) => [ptype, ...values]));
}

/** A pool whose clients run `before` ahead of the n-th statement that matches. */
function poolWithPause(pattern: RegExp, n: number, before: () => Promise<unknown>) {
  let matches = 0;
  return {
    async connect() {
      const client = await pool.connect();
      return {
        async query(text: string, values?: unknown[]) {
          if (pattern.test(text) && ++matches === n) await before();
          return client.query(text, values);
        },
        release: (error?: Error | boolean) => client.release(error),
      };
    },
  };
}

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  beforeAll(() => pool.query(`truncate ${layout.table} restart identity`));

  /**
   * Stored from the last id to the first, each tenth a role link. What another test has left of the same rules stays:
   * to write all of them, and the entries of ten indexes, takes ten times what it takes to find what differs.
   */
  async function fill(count = MANY): Promise<void> {
    const written = layout.ruleTable.written.split(', ').slice(0, layout.name === 'document' ? 2 : 4);
    const columns = ['id', ...written].join(', ');
    const wanted = `select n, ptype, ${VALUES[layout.name]}
      from generate_series(${count}, 1, -1) n, lateral (select case when n % 10 = 0 then 'g' else 'p' end) kind (ptype)`;
    await pool.query(`
      delete from ${layout.table} where id not in (
        select stored.id from ${layout.table} stored join (${wanted}) wanted (${columns}) using (${columns})
      );
      insert into ${layout.table} (${columns})
      select * from (${wanted}) wanted (${columns}) where id not in (select id from ${layout.table});
      select setval('${layout.table}_id_seq', ${count});
    `);
  }

  async function load(
    adapter = createAdapter(pool, layout.options),
    model = rbacModel(),
  ): Promise<string[][]> {
    await adapter.loadPolicy(model);
    return policyOf(model);
  }

  /** What is stored, `p` before `g`, and each of them by id. */
  async function storedPolicy(): Promise<string[][]> {
    const rules = await storedRules(pool, layout.table);
    return ['p', 'g'].flatMap((ptype) => rules.filter(([first]) => first === ptype));
  }

  describe('many rules', () => {
    it.each([1_999, 2_000, 2_001, 10_000, 20_000, MANY])('are all loaded, once, by id: %i', async (count) => {
      await fill(count);

      const loaded = await load();

      expect(loaded).toHaveLength(count);
      expect(loaded).toEqual(await storedPolicy());
    });

    it('follow those that the model holds', async () => {
      await fill();
      const model = rbacModel();
      model.addPolicy('p', 'p', ['held']);

      const loaded = await load(createAdapter(pool, layout.options), model);

      expect(loaded).toHaveLength(MANY + 1);
      expect(loaded.slice(0, 2)).toEqual([
        ['p', 'held'],
        ['p', 'role1', 'data1', 'read'],
      ]);
    });

    it('decide together, in whatever portions they are', async () => {
      await fill();

      const enforcer = await createEnforcer(pool, layout.options);

      expect(await enforcer.enforce('role1', 'data24901', 'read')).toBe(true);
      expect(await enforcer.enforce('role1', 'data1', 'read')).toBe(true);
      await layout.insert(pool, ['g', 'late', 'role1']);
      await enforcer.loadPolicy();
      expect(await enforcer.enforce('late', 'data1', 'read')).toBe(true);
      expect(await enforcer.enforce('late', 'data2', 'read')).toBe(false);
    });

    it('are loaded by a filter too', async () => {
      await fill();
      const model = rbacModel();

      await createAdapter(pool, layout.options).loadFilteredPolicy(model, { p: ['', 'like:data%', 'read'] });

      const stored = await storedPolicy();
      expect(policyOf(model)).toEqual(stored.filter(([ptype]) => ptype === 'p'));
    });

    it.each([
      ['a portion', /^fetch/, 2],
      ['the last portion', /^fetch/, 3],
    ])('are those of one moment, whoever writes before %s is read', async (_, pattern, n) => {
      await fill();
      const before = await storedPolicy();
      const write = async () => {
        await layout.insert(pool, ['p', 'new', 'data', 'read']);
        await pool.query(`delete from ${layout.table} where id in (1, 24999)`);
      };

      const loaded = await load(createAdapter(poolWithPause(pattern, n, write), layout.options));

      expect(loaded).toEqual(before);
      expect(await countRules(pool, layout.table)).toBe(MANY - 1);
    });

    it('are the rules of one moment, also if somebody writes before they are read in portions', async () => {
      await fill();
      const write = () => pool.query(`delete from ${layout.table} where id in (1, 24999)`);

      const loaded = await load(createAdapter(poolWithPause(/^declare/, 1, write), layout.options));

      expect(loaded).toHaveLength(MANY - 2);
      expect(loaded).toEqual(await storedPolicy());
    });
  });

  describe('invalid rows in several portions', () => {
    const shape = layout.table === 'casbin' ? 'an array of strings' : 'a ptype with at least one value';
    const UNREADABLE = `Every rule in table public.${layout.table} must be ${shape}`;

    async function spoil(...ids: number[]) {
      await pool.query(`update ${layout.table} set ${layout.spoil} where id = any ($1)`, [ids]);
    }

    it('are all named where they hold no rule, and the model stays as it was', async () => {
      await fill();
      await spoil(7, 12_345, 25_000);
      const model = rbacModel();
      model.addPolicy('p', 'p', ['held']);

      await expect(createAdapter(pool, layout.options).loadPolicy(model)).rejects.toMatchObject({
        code: 'STORED_RULE_INVALID',
        ids: [7, 12_345, 25_000],
        message: expect.stringContaining(UNREADABLE),
      });

      expect(policyOf(model)).toEqual([['p', 'held']]);
    });

    it('are all named where they do not fit the model, and the model stays as it was', async () => {
      await fill();
      const enforcer = await createEnforcer(pool, layout.options);
      await pool.query(`update ${layout.table} set ptype = 'p2' where id in (5, 15001, 24999)`);
      enforcer.clearPolicy();

      await expect(enforcer.loadPolicy()).rejects.toMatchObject({
        code: 'RULES_DO_NOT_FIT_MODEL',
        ids: [5, 15_001, 24_999],
        message: expect.stringMatching(/^3 of 25000 stored rules do not fit the default model/),
      });

      expect(policyOf(enforcer.getModel())).toEqual([]);
    });

    it('are reported first if they hold no rule', async () => {
      await fill();
      await spoil(25_000);
      await pool.query(`update ${layout.table} set ptype = 'p2' where id = 5`);

      await expect(createEnforcer(pool, layout.options)).rejects.toMatchObject({
        code: 'STORED_RULE_INVALID',
        ids: [25_000],
      });
    });
  });

  describe('on a client of the caller', () => {
    const cursorsOf = async (client: pg.PoolClient) =>
      (await client.query('select name from pg_cursors')).rows.map(({ name }) => name);

    it('loads what its transaction has written, and leaves no cursor', async () => {
      await fill();
      await inTransaction(pool, async (client) => {
        await layout.insert(client, ['p', 'mine', 'data', 'read']);
        await client.query('declare theirs cursor for select 1');

        const loaded = await load(createAdapter(client, layout.options));

        expect(loaded).toHaveLength(MANY + 1);
        expect(loaded).toContainEqual(['p', 'mine', 'data', 'read']);
        expect(await cursorsOf(client)).toEqual(['theirs']);
        expect(await load(createAdapter(client, layout.options))).toEqual(loaded);
      });
      expect(await countRules(pool, layout.table)).toBe(MANY + 1);
    });

    it('leaves its transaction usable when rows are invalid', async () => {
      await fill();
      await inTransaction(pool, async (client) => {
        await client.query(`update ${layout.table} set ${layout.spoil} where id = 24999`);
        const adapter = createAdapter(client, layout.options);

        await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject({ ids: [24_999] });

        expect(await cursorsOf(client)).toEqual([]);
        await adapter.removePolicy('p', 'p', ['role1', 'data1', 'read']);
      });
      expect(await countRules(pool, layout.table)).toBe(MANY - 1);
    });

    it('ends the transaction that it had to open', async () => {
      await fill();
      const client = await pool.connect();

      const loaded = await load(createAdapter(client, layout.options));

      await expect(client.query('savepoint open')).rejects.toMatchObject({ code: '25P01' });
      client.release();
      expect(loaded).toEqual(await storedPolicy());
    });

    it('takes turns with the other adapters of that client', async () => {
      await fill();
      const stored = await storedPolicy();
      await inTransaction(pool, async (client) => {
        const all = await Promise.all([
          load(createAdapter(client, layout.options)),
          load(createAdapter(client, layout.options)),
        ]);
        expect(all).toEqual([stored, stored]);
      });
    });
  });

  describe('statements', () => {
    /** Statements that load, but for the one that looks for the table. */
    async function loadOver(wire: Wire): Promise<string[]> {
      const adapter = createAdapter(database.pool({ connectionString: wire.url }), layout.options);
      await load(adapter);
      return wire.statements.filter((statement) => !statement.includes('pg_catalog'));
    }

    it('are one, in one round trip, for few rules', async () => {
      await fill(1_999);
      await using wire = await openWire(database.url);

      const statements = await loadOver(wire);

      expect(statements).toEqual([expect.stringMatching(/^select stored\.id/)]);
      expect(wire.roundTrips).toBe(2);
    });

    it('are one for each portion of many rules, in one transaction', async () => {
      await fill();
      await using wire = await openWire(database.url);

      const statements = await loadOver(wire);

      expect(statements.map((statement) => statement.split(' ')[0])).toEqual([
        'select',
        'begin',
        'declare',
        'fetch',
        'fetch',
        'fetch',
        'close',
        'commit',
      ]);
    });
  });
});

test('a table that is named with its layout need not be looked for', async () => {
  await pool.query('truncate casbin');
  await using wire = await openWire(database.url);
  const known = { table: { name: 'casbin', layout: 'document' } } as const;

  await createAdapter(database.pool({ connectionString: wire.url }), known).loadPolicy(rbacModel());

  expect(wire.statements).toEqual([
    expect.stringMatching(/^select stored.id, stored.ptype, stored.rule from "casbin"/),
  ]);
  expect(wire.roundTrips).toBe(1);
});
