import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEnforcer } from '../../src/index.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { countRules, createRuleTable, inTransaction, storedRules } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createRuleTable(pool));
beforeEach(() => pool.query('truncate casbin restart identity'));

/** Three portions. */
const MANY = 25_000;

/** Stored from the last id to the first, each tenth a role link. */
async function fill(count = MANY): Promise<void> {
  await pool.query(
    `insert into casbin (id, ptype, rule)
     select
       n,
       case when n % 10 = 0 then 'g' else 'p' end,
       case when n % 10 = 0 then jsonb_build_array('role' || n, 'role' || n - 10)
         else jsonb_build_array('role' || n % 100, 'data' || n, 'read') end
     from generate_series($1::int, 1, -1) n`,
    [count],
  );
  await pool.query(`select setval('casbin_id_seq', $1)`, [count]);
}

async function load(adapter = createAdapter(pool), model = rbacModel()): Promise<string[][]> {
  await adapter.loadPolicy(model);
  return policyOf(model);
}

function policyOf(model = rbacModel()): string[][] {
  return ['p', 'g'].flatMap((ptype) => model.getPolicy(ptype, ptype).map((values) => [ptype, ...values]));
}

/** What is stored, `p` before `g`, and each of them by id. */
async function storedPolicy(): Promise<string[][]> {
  const rules = await storedRules(pool);
  return ['p', 'g'].flatMap((ptype) => rules.filter(([first]) => first === ptype));
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

    const loaded = await load(createAdapter(pool), model);

    expect(loaded).toHaveLength(MANY + 1);
    expect(loaded.slice(0, 2)).toEqual([
      ['p', 'held'],
      ['p', 'role1', 'data1', 'read'],
    ]);
  });

  it('decide together, whichever portions they are in', async () => {
    await fill();

    const enforcer = await createEnforcer(pool);

    expect(await enforcer.enforce('role1', 'data24901', 'read')).toBe(true);
    expect(await enforcer.enforce('role1', 'data1', 'read')).toBe(true);
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["late", "role1"]')`);
    await enforcer.loadPolicy();
    expect(await enforcer.enforce('late', 'data1', 'read')).toBe(true);
    expect(await enforcer.enforce('late', 'data2', 'read')).toBe(false);
  });

  it('are loaded by a filter too', async () => {
    await fill();
    const model = rbacModel();

    await createAdapter(pool).loadFilteredPolicy(model, { p: ['', 'like:data%', 'read'] });

    const stored = await storedPolicy();
    expect(policyOf(model)).toEqual(stored.filter(([ptype]) => ptype === 'p'));
  });

  it.each([
    ['a portion', /^fetch/, 2],
    ['the last portion', /^fetch/, 3],
  ])('are those of one moment, whoever writes before %s is read', async (_, pattern, n) => {
    await fill();
    const before = await storedPolicy();
    const write = () =>
      pool.query(`
        with added as (insert into casbin (ptype, rule) values ('p', '["new", "data", "read"]'))
        delete from casbin where id in (1, 24999)`);

    const loaded = await load(createAdapter(poolWithPause(pattern, n, write)));

    expect(loaded).toEqual(before);
    expect(await countRules(pool)).toBe(MANY - 1);
  });

  it('are those of one moment, whoever writes before they are read in portions', async () => {
    await fill();
    const write = () => pool.query(`delete from casbin where id in (1, 24999)`);

    const loaded = await load(createAdapter(poolWithPause(/^declare/, 1, write)));

    expect(loaded).toHaveLength(MANY - 2);
    expect(loaded).toEqual(await storedPolicy());
  });
});

describe('rows at fault in several portions', () => {
  const UNREADABLE = 'Every rule in table public.casbin must be an array of strings';

  async function spoil(...ids: number[]) {
    await pool.query(`update casbin set rule = to_jsonb(id) where id = any ($1)`, [ids]);
  }

  it('are all named where they hold no rule, and the model stays as it was', async () => {
    await fill();
    await spoil(7, 12_345, 25_000);
    const model = rbacModel();
    model.addPolicy('p', 'p', ['held']);

    await expect(createAdapter(pool).loadPolicy(model)).rejects.toMatchObject({
      code: 'STORED_RULE_INVALID',
      ids: [7, 12_345, 25_000],
      message: expect.stringContaining(UNREADABLE),
    });

    expect(policyOf(model)).toEqual([['p', 'held']]);
  });

  it('are all named where they do not fit the model, and the model stays as it was', async () => {
    await fill();
    const enforcer = await createEnforcer(pool);
    await pool.query(`update casbin set ptype = 'p2' where id in (5, 15001, 24999)`);
    enforcer.clearPolicy();

    await expect(enforcer.loadPolicy()).rejects.toMatchObject({
      code: 'RULES_DO_NOT_FIT_MODEL',
      ids: [5, 15_001, 24_999],
      message: expect.stringMatching(/^3 of 25000 stored rules do not fit the default model/),
    });

    expect(policyOf(enforcer.getModel())).toEqual([]);
  });

  it('are told first where they hold no rule', async () => {
    await fill();
    await spoil(25_000);
    await pool.query(`update casbin set ptype = 'p2' where id = 5`);

    await expect(createEnforcer(pool)).rejects.toMatchObject({ code: 'STORED_RULE_INVALID', ids: [25_000] });
  });
});

describe('on a client of the caller', () => {
  const cursorsOf = async (client: pg.PoolClient) =>
    (await client.query('select name from pg_cursors')).rows.map(({ name }) => name);

  it('loads what its transaction has written, and leaves no cursor', async () => {
    await fill();
    await inTransaction(pool, async (client) => {
      await client.query(`insert into casbin (ptype, rule) values ('p', '["mine", "data", "read"]')`);
      await client.query('declare theirs cursor for select 1');

      const loaded = await load(createAdapter(client));

      expect(loaded).toHaveLength(MANY + 1);
      expect(loaded).toContainEqual(['p', 'mine', 'data', 'read']);
      expect(await cursorsOf(client)).toEqual(['theirs']);
      expect(await load(createAdapter(client))).toEqual(loaded);
    });
    expect(await countRules(pool)).toBe(MANY + 1);
  });

  it('leaves its transaction usable when rows are at fault', async () => {
    await fill();
    await inTransaction(pool, async (client) => {
      await client.query(`update casbin set rule = '5' where id = 24999`);
      const adapter = createAdapter(client);

      await expect(adapter.loadPolicy(rbacModel())).rejects.toMatchObject({ ids: [24_999] });

      expect(await cursorsOf(client)).toEqual([]);
      await adapter.removePolicy('p', 'p', ['role1', 'data1', 'read']);
    });
    expect(await countRules(pool)).toBe(MANY - 1);
  });

  it('ends the transaction that it had to open', async () => {
    await fill();
    const client = await pool.connect();

    const loaded = await load(createAdapter(client));

    await expect(client.query('savepoint open')).rejects.toMatchObject({ code: '25P01' });
    client.release();
    expect(loaded).toEqual(await storedPolicy());
  });

  it('takes turns with the other adapters of that client', async () => {
    await fill();
    const stored = await storedPolicy();
    await inTransaction(pool, async (client) => {
      const all = await Promise.all([load(createAdapter(client)), load(createAdapter(client))]);
      expect(all).toEqual([stored, stored]);
    });
  });
});

/** It need not be looked for. */
const KNOWN_TABLE = { table: { name: 'casbin', layout: 'document' } } as const;

describe('statements', () => {
  it('are one, in one round trip, for few rules', async () => {
    await fill(1_999);
    await using wire = await openWire(database.url);

    await load(createAdapter(database.pool({ connectionString: wire.url }), KNOWN_TABLE));

    expect(wire.statements).toEqual([
      expect.stringMatching(/^select stored.id, stored.ptype, stored.rule from "casbin"/),
    ]);
    expect(wire.roundTrips).toBe(1);
  });

  it('are one for each portion of many rules, in one transaction', async () => {
    await fill();
    await using wire = await openWire(database.url);

    await load(createAdapter(database.pool({ connectionString: wire.url }), KNOWN_TABLE));

    expect(wire.statements.map((statement) => statement.split(' ')[0])).toEqual([
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
