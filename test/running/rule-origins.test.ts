import { expect, test } from 'vitest';
import { bootstrapDatabase, createAdapter, explainDecision } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const NO_PROVIDERS: { seeders: []; journal: true } = { seeders: [], journal: true };

test('the origin of a rule is its newest entry, also where another writer wrote empty values', async () => {
  const pool = (await createDatabase()).pool();
  const options = { ...NO_PROVIDERS, table: 'casbin_rule' };
  await bootstrapDatabase(pool, options);
  await pool.query(`
    insert into casbin_rule (ptype, v0, v1, v2, v3, v4, v5, v6) values ('p', 'user', 'reports', 'read', '', '', '', '');
    delete from casbin_rule where v1 = 'reports';
    set application_name = 'second';
    insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'user', 'reports', 'read')`);
  const explained = await explainDecision(pool, ['user', 'reports', 'read'], { table: 'casbin_rule' });
  expect(explained.granted).toMatchObject([{ application: 'second' }]);
});

test.each(['casbin', 'casbin_rule'])(
  'the origin of a rule in %s is the newest entry of it, and unknown if the rule was not written since',
  async (table) => {
    const pool = (await createDatabase()).pool({ max: 1 });
    await bootstrapDatabase(pool, { ...NO_PROVIDERS, table });
    const adapter = createAdapter(pool, { table });
    const rule = ['user', 'reports', 'read'];
    const add = async (application: string) => {
      await pool.query(`set application_name = ${application}`);
      await adapter.addPolicy('p', 'p', rule);
    };
    const unrecorded = async (work: () => Promise<unknown>) => {
      await pool.query(`alter table ${table} disable trigger user`);
      await work();
      await pool.query(`alter table ${table} enable trigger user`);
    };
    const origin = async () =>
      (await explainDecision(pool, rule, { table })).granted.map(({ application }) => application);

    await add('first');
    expect(await origin()).toEqual(['first']);
    await adapter.removePolicy('p', 'p', rule);
    await add('second');
    expect(await origin()).toEqual(['second']);
    await adapter.removePolicy('p', 'p', rule);
    await unrecorded(() => add('third'));
    expect(await origin()).toEqual([]);

    await adapter.removePolicy('p', 'p', rule);
    await add('fourth');
    await pool.query(`truncate ${table}`);
    await unrecorded(() => add('fifth'));
    expect(await origin()).toEqual([]);
  },
);

test('the origin of a rule is an entry about its own table', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  for (const table of ['casbin_rule', 'policies']) {
    await bootstrapDatabase(pool, { ...NO_PROVIDERS, table: { name: table, layout: 'columns' } });
    await pool.query(`set application_name = ${table}`);
    await pool.query(`insert into ${table} (ptype, v0, v1, v2) values ('p', 'user', 'reports', 'read')`);
  }
  const explained = await explainDecision(pool, ['user', 'reports', 'read'], { table: 'casbin_rule' });
  expect(explained.granted).toMatchObject([{ application: 'casbin_rule' }]);
});
