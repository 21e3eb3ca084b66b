import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel, rbacModelWith } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { countRules, manyRules, storedRules, unindexableValue, untilWaiting } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createLayouts(pool));

const TOO_LONG = unindexableValue();

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

  it.each(['repeatable read', 'serializable'])(
    'adds and removes rules that others change meanwhile, where the default level is %s',
    async (level) => {
      const strict = database.pool({
        options: `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`,
      });
      const other = await pool.connect();
      const meanwhile = async (work: Promise<void>) => {
        await untilWaiting(pool, 1);
        await other.query('commit');
        await work;
      };
      const own = createAdapter(strict, layout.options);

      await other.query('begin');
      await createAdapter(other, layout.options).addPolicy('p', 'p', ['a', 'b']);
      await meanwhile(own.addPolicy('p', 'p', ['a', 'b']));
      expect(await storedRules(pool, layout.table)).toEqual([['p', 'a', 'b']]);

      await other.query('begin');
      await other.query(`update ${layout.table} set ptype = ptype`);
      await meanwhile(own.removePolicy('p', 'p', ['a', 'b']));
      expect(await storedRules(pool, layout.table)).toEqual([]);

      await createAdapter(pool, layout.options).addPolicy('p', 'p', ['a', 'b']);
      await other.query('begin');
      await other.query(`update ${layout.table} set ptype = ptype`);
      await meanwhile(own.removeFilteredPolicy('p', 'p', 0, 'a'));
      expect(await storedRules(pool, layout.table)).toEqual([]);
      other.release();
    },
  );

  it('removes rules in the order of their ids, so that no two writers wait for each other', async () => {
    const adapter = createAdapter(pool, layout.options);
    await adapter.addPolicies('p', 'p', [
      ['a', 'b'],
      ['c', 'd'],
    ]);
    // Now the first row lies behind the second one.
    await pool.query(`update ${layout.table} set ptype = ptype where id = 1`);
    const other = await pool.connect();
    await other.query(`begin; select from ${layout.table} where id = 1 for update`);
    const removal = adapter.removePolicies('p', 'p', [
      ['c', 'd'],
      ['a', 'b'],
    ]);
    await untilWaiting(pool, 1);

    const second = pool.query(`select from ${layout.table} where id = 2 for update nowait`);
    await expect(second.finally(() => other.query('commit'))).resolves.toMatchObject({ rowCount: 1 });

    other.release();
    await removal;
    expect(await countRules(pool, layout.table)).toBe(0);
  });

  describe('on a client of the caller', () => {
    let client: pg.PoolClient;

    beforeEach(async () => {
      client = await pool.connect();
    });
    afterEach(() => client.release());

    it('writes and reads inside the transaction that is open there', async () => {
      const adapter = createAdapter(client, layout.options);
      await createAdapter(pool, layout.options).addPolicies('p', 'p', [['before'], ['old'], ['gone']]);
      await client.query('begin');
      await adapter.addPolicies('p', 'p', [['added']]);
      await adapter.updatePolicy('p', 'p', ['old'], ['new']);
      await adapter.removePolicy('p', 'p', ['gone']);
      const model = rbacModel();
      await adapter.loadPolicy(model);
      expect(model.getPolicy('p', 'p')).toEqual([['before'], ['new'], ['added']]);
      await adapter.savePolicy(rbacModelWith([['saved']]));
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'before'],
        ['p', 'old'],
        ['p', 'gone'],
      ]);
      await client.query('rollback');
      expect(await countRules(pool, layout.table)).toBe(3);
    });

    it('leaves the transaction usable when a save fails in it', async () => {
      const adapter = createAdapter(client, layout.options);
      await client.query('begin');
      await adapter.addPolicy('p', 'p', ['kept']);
      await expect(adapter.savePolicy(rbacModelWith([['a'], [TOO_LONG]]))).rejects.toMatchObject({
        code: 'RULE_TOO_LONG',
      });
      await adapter.addPolicy('p', 'p', ['after']);
      await client.query('commit');
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'kept'],
        ['p', 'after'],
      ]);
    });

    it('leaves the transaction usable when an update fails in it', async () => {
      const adapter = createAdapter(client, layout.options);
      await client.query('begin');
      await expect(adapter.updatePolicy('p', 'p', ['missing'], ['new'])).rejects.toMatchObject({
        code: 'CONFLICT',
      });
      await adapter.addPolicy('p', 'p', ['old']);
      await expect(adapter.updatePolicy('p', 'p', ['old'], [TOO_LONG])).rejects.toMatchObject({
        code: 'RULE_TOO_LONG',
      });
      await client.query('commit');
      expect(await storedRules(pool, layout.table)).toEqual([['p', 'old']]);
    });

    it('opens and ends a transaction of its own when there is none', async () => {
      const adapter = createAdapter(client, layout.options);
      await adapter.savePolicy(rbacModelWith([['saved']]));
      await adapter.updatePolicy('p', 'p', ['saved'], ['updated']);
      await expect(adapter.savePolicy(rbacModelWith([['a'], [TOO_LONG]]))).rejects.toMatchObject({
        code: 'RULE_TOO_LONG',
      });
      expect(await storedRules(pool, layout.table)).toEqual([['p', 'updated']]);
    });

    it('lets calls that overlap take turns, also those of two adapters', async () => {
      const [adapter, another] = [
        createAdapter(client, layout.options),
        createAdapter(client, layout.options),
      ];
      await client.query('begin');
      const [, failed] = await Promise.allSettled([
        adapter.savePolicy(rbacModelWith([['a'], ['b']])),
        another.savePolicy(rbacModelWith([['c'], [TOO_LONG]])),
        adapter.updatePolicy('p', 'p', ['b'], ['d']),
        another.addPolicy('p', 'p', ['e']),
      ]);
      await client.query('commit');
      expect(failed.status).toBe('rejected');
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'a'],
        ['p', 'd'],
        ['p', 'e'],
      ]);
    });

    it('needs nothing of it but a query method', async () => {
      const adapter = createAdapter({ query: (text, values) => client.query(text, values) }, layout.options);
      await adapter.savePolicy(rbacModelWith([['saved']]));
      expect(await storedRules(pool, layout.table)).toEqual([['p', 'saved']]);
    });

    it('is not taken for a pool because it can connect', async () => {
      const adapter = createAdapter(
        {
          query: (text, values) => client.query(text, values),
          connect: () => Promise.reject(new Error('it is connected')),
          release: () => undefined,
        },
        layout.options,
      );
      await adapter.addPolicy('p', 'p', ['added']);
      expect(await storedRules(pool, layout.table)).toEqual([['p', 'added']]);
    });

    it('leaves no savepoint behind in its transaction, whether a call succeeds or fails', async () => {
      const adapter = createAdapter(client, layout.options);
      const savepoint = () => client.query('rollback to savepoint casbin_bootstrap_adapter');
      await client.query('begin');
      await adapter.savePolicy(rbacModelWith([['saved']]));
      await expect(savepoint()).rejects.toMatchObject({ code: '3B001' });
      await client.query('rollback');
      await client.query('begin');
      await expect(adapter.savePolicy(rbacModelWith([[TOO_LONG]]))).rejects.toMatchObject({
        code: 'RULE_TOO_LONG',
      });
      await expect(savepoint()).rejects.toMatchObject({ code: '3B001' });
      await client.query('rollback');
    });

    it('says that a transaction is aborted, or only reads', async () => {
      const adapter = createAdapter(client, layout.options);
      const calls = [
        () => adapter.savePolicy(rbacModelWith([['saved']])),
        () => adapter.addPolicy('p', 'p', ['a']),
        () => adapter.removePolicy('p', 'p', ['a']),
        () => adapter.removeFilteredPolicy('p', 'p', 0, 'a'),
        () => adapter.updatePolicy('p', 'p', ['a'], ['b']),
      ];
      for (const call of calls) {
        await client.query('begin read only');
        await expect(call()).rejects.toMatchObject({
          code: 'READ_ONLY_DATABASE',
          cause: { code: '25006' },
        });
        await client.query('rollback');
      }
      await client.query('begin');
      await client.query('select 1 / 0').catch(() => undefined);
      for (const call of [...calls, () => adapter.loadPolicy(rbacModel())])
        await expect(call()).rejects.toMatchObject({
          code: 'TRANSACTION_ABORTED',
          cause: { code: '25P02' },
        });
      await client.query('rollback');
    });

    it('gives a conflict of a stricter transaction by its own code', async () => {
      await createAdapter(pool, layout.options).addPolicy('p', 'p', ['a', 'b']);
      await client.query('begin isolation level repeatable read');
      await client.query('select 1');
      await pool.query(`update ${layout.table} set ptype = ptype`);
      const removal = createAdapter(client, layout.options).removePolicy('p', 'p', ['a', 'b']);
      await expect(removal).rejects.toMatchObject({ code: '40001' });
      await client.query('rollback');
    });

    it('says that a lock was not granted, and by whom it is held where it can ask', async () => {
      const other = await database.pool().connect();
      await other.query(`begin; lock table ${layout.table}`);
      const { rows } = await other.query('select pg_backend_pid() as pid');
      const refused = async (source: pg.Pool | pg.ClientBase) =>
        createAdapter(source, layout.options)
          .removePolicy('p', 'p', ['a'])
          .catch((error: unknown) => error);
      await client.query(`begin; set local lock_timeout = '50ms'`);
      expect(await refused(client)).toMatchObject({
        code: 'LOCK_TIMEOUT',
        message: expect.stringContaining('Who holds it is unknown'),
        holders: [],
      });
      await client.query('rollback');
      expect(await refused(database.pool({ max: 1, options: '-c lock_timeout=50ms' }))).toMatchObject({
        code: 'LOCK_TIMEOUT',
        message: expect.stringContaining(`It is held by pid ${rows[0].pid}`),
        cause: { code: '55P03' },
      });
      await other.query('rollback');
      other.release();
    });
  });

  describe('on a pool', () => {
    it('needs one connection only, and nothing of the pool but a connect method', async () => {
      const single = database.pool({ max: 1 });
      const adapter = createAdapter({ connect: () => single.connect() }, layout.options);
      await Promise.all([
        adapter.addPolicies('p', 'p', manyRules(10)),
        adapter.savePolicy(rbacModelWith([['saved']])),
        adapter.loadPolicy(rbacModel()),
      ]);
      expect(single.totalCount).toBe(1);
      expect(single.idleCount).toBe(1);
    });

    it('returns the client, out of any transaction, when a call fails', async () => {
      const single = database.pool({ max: 1 });
      const adapter = createAdapter(single, layout.options);
      await expect(adapter.savePolicy(rbacModelWith([['a'], [TOO_LONG]]))).rejects.toMatchObject({
        code: 'RULE_TOO_LONG',
      });
      await adapter.addPolicy('p', 'p', ['after']);
      expect(await storedRules(pool, layout.table)).toEqual([['p', 'after']]);
      expect(single.totalCount).toBe(1);
    });

    it('has a client destroyed that it can not bring out of its transaction', async () => {
      const single = database.pool({ max: 1 });
      const adapter = createAdapter(
        {
          connect: async () => {
            const client = await single.connect();
            return {
              query: (text, values) =>
                text === 'rollback'
                  ? Promise.reject(new Error('Query read timeout'))
                  : client.query(text, values),
              release: (error) => client.release(error),
            };
          },
        },
        layout.options,
      );
      await expect(adapter.savePolicy(rbacModelWith([['a'], [TOO_LONG]]))).rejects.toMatchObject({
        code: 'RULE_TOO_LONG',
      });
      expect(single.totalCount).toBe(0);
      expect(await countRules(pool, layout.table)).toBe(0);
    });

    it('survives the death of a backend in the middle, and does not return the client to the pool', async () => {
      const single = database.pool({ max: 1 });
      const adapter = createAdapter(single, layout.options);
      await adapter.addPolicy('p', 'p', ['kept']);
      const { rows } = await single.query('select pg_backend_pid() as pid');
      const blocker = await pool.connect();
      await blocker.query('begin');
      await blocker.query(`lock table ${layout.table} in access exclusive mode`);
      const saving = adapter.savePolicy(rbacModelWith([['lost']]));
      const failure = expect(saving).rejects.toMatchObject({
        code: 'CONNECTION_LOST',
        cause: { code: '57P01' },
      });
      await untilWaiting(pool, 1);
      await blocker.query('select pg_terminate_backend($1)', [rows[0].pid]);
      await failure;
      await blocker.query('rollback');
      blocker.release();
      await adapter.addPolicy('p', 'p', ['after']);
      expect(await storedRules(pool, layout.table)).toEqual([
        ['p', 'kept'],
        ['p', 'after'],
      ]);
    });

    it('tells that there is no connection', async () => {
      const nowhere = new pg.Pool({ host: '127.0.0.1', port: 1 });
      await expect(createAdapter(nowhere).loadPolicy(rbacModel())).rejects.toMatchObject({
        name: 'ConnectionError',
        code: 'CONNECTION_FAILED',
        cause: { code: 'ECONNREFUSED' },
      });
      await nowhere.end();
    });
  });
});
