import { newEnforcer } from 'casbin';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { storedRules, unindexableValue, untilWaiting } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool({ max: 16 });

beforeAll(() => createLayouts(pool));
describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  const adapter = createAdapter(pool, layout.options);

  beforeEach(async () => {
    await pool.query(`truncate ${layout.table} restart identity`);
    await adapter.addPolicies('p', 'p', [['a'], ['b'], ['c']]);
    await adapter.addPolicy('g', 'g', ['a']);
  });

  it('puts a rule in the place of another through an enforcer', async () => {
    const enforcer = await newEnforcer(rbacModel(), adapter);
    expect(await enforcer.updatePolicy(['a'], ['like:%', 'x'])).toBe(true);
    await enforcer.loadPolicy();
    expect(await enforcer.getPolicy()).toEqual([['like:%', 'x'], ['b'], ['c']]);
  });

  it('keeps the id of the row, and touches no other ptype', async () => {
    await adapter.updatePolicy('p', 'p', ['a'], ['z']);
    const { rows } = await pool.query(`select id from ${layout.table} order by id`);
    expect(rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }]);
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'z'],
      ['p', 'b'],
      ['p', 'c'],
      ['g', 'a'],
    ]);
  });

  it('deletes the old rule when the new one is stored already', async () => {
    await adapter.updatePolicy('p', 'p', ['a'], ['c']);
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'b'],
      ['p', 'c'],
      ['g', 'a'],
    ]);
  });

  it('changes nothing when both are the same', async () => {
    await adapter.updatePolicy('p', 'p', ['a'], ['a']);
    expect(await storedRules(pool, layout.table)).toHaveLength(4);
  });

  it('does not insert a rule again that another session has removed since', async () => {
    const enforcer = await newEnforcer(rbacModel(), adapter);
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'a'`);
    await expect(enforcer.updatePolicy(['a'], ['z'])).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await enforcer.getPolicy()).toEqual([['a'], ['b'], ['c']]);
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'b'],
      ['p', 'c'],
    ]);
  });

  it('accepts that the same update was made before', async () => {
    await adapter.updatePolicy('p', 'p', ['a'], ['z']);
    await adapter.updatePolicy('p', 'p', ['a'], ['z']);
    expect(await storedRules(pool, layout.table)).toContainEqual(['p', 'z']);
  });

  it('succeeds for all of 16 writers that make the same update at the same moment', async () => {
    await Promise.all(Array.from({ length: 16 }, () => adapter.updatePolicy('p', 'p', ['a'], ['z'])));
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'z'],
      ['p', 'b'],
      ['p', 'c'],
      ['g', 'a'],
    ]);
  });

  it('ends with only the new rule when another session adds it at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        adapter.updatePolicy('p', 'p', ['b'], ['new']),
        adapter.addPolicy('p', 'p', ['new']),
        adapter.updatePolicy('p', 'p', ['c'], ['new']),
      ]);
      const stored = await storedRules(pool, layout.table);
      expect(stored.map(([, value]) => value).sort()).toEqual(['a', 'a', 'new']);
      await adapter.removePolicy('p', 'p', ['new']);
      await adapter.addPolicies('p', 'p', [['b'], ['c']]);
    }
  });

  it('accepts that another session has just committed the same update', async () => {
    const other = await pool.connect();
    await other.query('begin');
    await other.query(`update ${layout.table} set ${layout.setOnly('z')} where id = 1`);
    const updating = adapter.updatePolicy('p', 'p', ['a'], ['z']);
    await untilWaiting(pool, 1);
    await other.query('commit');
    other.release();
    await updating;
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'z'],
      ['p', 'b'],
      ['p', 'c'],
      ['g', 'a'],
    ]);
  });

  it('deletes the old rule when somebody else has just added the new one', async () => {
    const other = await pool.connect();
    await other.query('begin');
    await createAdapter(other, layout.options).addPolicy('p', 'p', ['z']);
    const updating = adapter.updatePolicy('p', 'p', ['a'], ['z']);
    await untilWaiting(pool, 1);
    await other.query('commit');
    other.release();
    await updating;
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'b'],
      ['p', 'c'],
      ['g', 'a'],
      ['p', 'z'],
    ]);
  });

  it('tries a second time after a race only', async () => {
    const client = await pool.connect();
    let updates = 0;
    const counting = createAdapter(
      {
        query(text, values) {
          if (text.includes('updated as (')) updates += 1;
          return client.query(text, values);
        },
      },
      layout.options,
    );
    const outcomes = [];
    for (const [previous, next] of [['a', unindexableValue()] as const, ['missing', 'z'] as const]) {
      updates = 0;
      const { code, message } = await counting
        .updatePolicy('p', 'p', [previous], [next])
        .catch((error: unknown) => Object(error));
      outcomes.push({ code, message, updates });
    }
    client.release();
    expect(outcomes).toEqual([
      {
        code: 'RULE_TOO_LONG',
        message: expect.stringContaining('The longest of those given has'),
        updates: 1,
      },
      {
        code: 'CONFLICT',
        message:
          'Rule p, missing is not stored: somebody removed or changed it since it was loaded. Nothing was changed. Load the policy again. If you still want p, z, add it.',
        updates: 2,
      },
    ]);
  });

  it('refuses a rule that can not be stored, the old one too', async () => {
    const refused = { code: 'INVALID_OPTIONS' };
    await expect(adapter.updatePolicy('p', 'p', ['a'], ['\0'])).rejects.toMatchObject(refused);
    await expect(adapter.updatePolicy('p', 'p', [], ['a'])).rejects.toMatchObject(refused);
    expect(await storedRules(pool, layout.table)).toHaveLength(4);
  });
});

it('replaces a rule while others store the new one, remove it and store it again', async () => {
  await pool.query('truncate casbin restart identity');
  const other = await pool.connect();
  let rounds = 4;
  const disturbed = {
    async connect() {
      const client = await pool.connect();
      const query = async (given: pg.QueryConfig) => {
        if (rounds === 0 || !given.text.includes('updated as')) return client.query(given);
        rounds--;
        await other.query(`delete from casbin where rule = '["z"]'`);
        await other.query(`begin; insert into casbin (ptype, rule) values ('p', '["z"]')`);
        const answer = client.query(given);
        answer.catch(() => {});
        await untilWaiting(pool, 1);
        await other.query('commit');
        return answer;
      };
      return { query, getTypeParser: true, release: () => client.release() } as unknown as pg.PoolClient;
    },
  };
  await createAdapter(pool, { table: 'casbin' }).addPolicy('p', 'p', ['a']);

  await createAdapter(disturbed, { table: 'casbin' }).updatePolicy('p', 'p', ['a'], ['z']);

  other.release();
  expect(rounds).toBe(0);
  expect(await storedRules(pool, 'casbin')).toEqual([['p', 'z']]);
});
