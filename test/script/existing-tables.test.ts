import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { type BootstrapOptions, bootstrapDatabase, readJournal, writeBootstrapSql } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { storedRules } from '../tables/rule-table.fixture.ts';
import { expectComplete, POLICY } from './scripted.fixture.ts';

/** Runs the SQL for these options twice, after which the table of an adapter holds each rule once. */
async function addTwice(pool: pg.Pool, options: BootstrapOptions): Promise<void> {
  const sql = await writeBootstrapSql(options);
  await pool.query(sql);
  await pool.query(sql);
  await expectComplete(pool, options);
  const { rows } = await pool.query('select count(*)::int as count from casbin_rule');
  expect(rows).toEqual([{ count: 3 }]);
}

describe('the SQL of a bootstrap', () => {
  test('adds missing rules to a database that was bootstrapped, or that another tool made', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await pool.query(`delete from casbin where ptype = 'g'; update casbin set id = id + 100`);
    await pool.query(`drop table casbin_bootstrap_migration`);
    await pool.query(await writeBootstrapSql({ policy: POLICY, seeders: [] }));
    await expectComplete(pool, { policy: POLICY, seeders: [] });
    const { rows } = await pool.query('select count(*)::int as count from casbin');
    expect(rows).toEqual([{ count: 3 }]);
  });

  test('takes over a table of the stock adapter that was renamed, and whose sequence is behind', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table rules (
        id serial primary key, ptype text not null, rule jsonb not null, constraint casbin_uniq_rule unique (rule)
      );
      insert into rules values (1, 'g2', '["clerk", "viewer"]')
    `);
    const table = { name: 'rules', layout: 'document' } as const;
    await pool.query(await writeBootstrapSql({ policy: POLICY, seeders: [], table }));
    await expectComplete(pool, { policy: POLICY, seeders: [], table });
    expect(await storedRules(pool, 'rules')).toHaveLength(4);
  });

  test.each(['casbin', 'ru"les'])(
    'makes a table anew, with its indexes, beside a renamed one that still has their names: %s',
    async (name) => {
      const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
      const [one, other] = pools as [pg.Pool, pg.Pool];
      const table = { name, layout: 'document' } as const;
      const options = { policy: POLICY, seeders: [], table };
      const sql = await writeBootstrapSql(options);
      for (const pool of pools) {
        await bootstrapDatabase(pool, options);
        await pool.query(`alter table ${pg.escapeIdentifier(name)} rename to former`);
        await pool.query('delete from casbin_bootstrap_migration');
      }
      await bootstrapDatabase(one, options);
      await other.query(sql);

      const indexes = async (pool: pg.Pool) => {
        const { rows } = await pool.query('select indexdef from pg_indexes where tablename = $1 order by 1', [
          name,
        ]);
        return rows.map(({ indexdef }) => indexdef);
      };
      expect(await indexes(other)).toEqual(await indexes(one));
      expect(await indexes(other)).toHaveLength(9);
      await expectComplete(other, options);
    },
  );

  test('adds no second constraint to a table that is unique under another name', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table casbin (
        id serial constraint pk primary key, ptype text not null, rule jsonb not null, constraint uq unique (ptype, rule)
      )
    `);
    await pool.query(await writeBootstrapSql({ policy: POLICY, seeders: [] }));
    const { rows } = await pool.query(
      `select conname::text as name from pg_constraint where conrelid = 'casbin'::regclass and contype in ('p', 'u') order by 1`,
    );
    expect(rows).toEqual([{ name: 'pk' }, { name: 'uq' }]);
    await expectComplete(pool, { policy: POLICY, seeders: [] });
  });

  test('adds rules to the table of an adapter that has fewer columns than ours', async () => {
    const pool = (await createDatabase()).pool();
    const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar(255)`).join(', ');
    await pool.query(`create table casbin_rule (id serial primary key, ptype varchar(255), ${columns})`);
    const options = { policy: POLICY, table: 'casbin_rule', seeders: [] };
    await addTwice(pool, options);
  });

  test('adds rules to a table whose columns take no null, with an empty text where a rule has no value', async () => {
    const pool = (await createDatabase()).pool();
    const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} varchar(100) not null default ''`).join(', ');
    await pool.query(`create table casbin_rule (ptype varchar(100) not null default '', ${columns})`);
    const options = { policy: POLICY, table: 'casbin_rule', seeders: [] };
    await pool.query(await writeBootstrapSql(options));
    await expectComplete(pool, options);
  });

  test.each([
    [
      'calls the ptype p_type',
      'create table casbin_rule (p_type text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)',
    ],
    [
      'has a column p_type beside its ptype',
      'create table casbin_rule (p_type text, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)',
    ],
    [
      'is a view',
      `create table kept (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text);
       create view casbin_rule as select * from kept`,
    ],
  ])('adds rules to a table of an adapter that %s, with a version and without', async (_, table) => {
    for (const version of [{}, { version: 1 }]) {
      const pool = (await createDatabase()).pool();
      await pool.query(table);
      const options = { policy: { ...POLICY, ...version }, table: 'casbin_rule', seeders: [] };
      await addTwice(pool, options);
    }
  });

  test('makes a journal of the columns that the table of an adapter has', async () => {
    const pool = (await createDatabase()).pool();
    const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar(255)`).join(', ');
    await pool.query(
      `create table casbin_rule (id serial primary key, ptype varchar(255), valid text, ${columns})`,
    );
    const options = { policy: POLICY, table: 'casbin_rule', seeders: [], journal: true };
    const sql = await writeBootstrapSql(options);
    await pool.query(sql);
    expect(await readJournal(pool)).toHaveLength(3);
    await expectComplete(pool, options);

    const more = [6, 7, 8, 9, 10].map((position) => `add column v${position} varchar(255)`).join(', ');
    await pool.query(`alter table casbin_rule ${more}`);
    await pool.query(sql);
    await expectComplete(pool, options);
    await pool.query(`insert into casbin_rule (ptype, v0, v2, v10) values ('p', 'a', 'c', 'k')`);
    const values = ['a', '', 'c', '', '', '', '', '', '', '', 'k'];
    expect((await readJournal(pool, { limit: 1 }))[0]?.values).toEqual(values);
  });

  test('refuses a table that holds rules more than once, and says how to delete them', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table "ru'les" (id serial, ptype text, rule jsonb);
      insert into "ru'les" (ptype, rule) values ('g', '["ann", "clerk"]'), ('g', '["ann", "clerk"]'), ('g2', '["ann", "clerk"]')`);
    const table = { name: "ru'les", layout: 'document' } as const;
    const sql = await writeBootstrapSql({ policy: POLICY, seeders: [], table });
    const error = await pool.query(sql).catch((reason) => reason);
    expect(error).toMatchObject({
      code: '23505',
      message: `Table "ru'les" holds rules more than once, so it can't become unique on (ptype, rule). Run a bootstrap first, which keeps the row with the lowest id of each rule, or delete the others yourself.`,
    });
    await pool.query(error.hint);
    expect((await pool.query(`select id from "ru'les"`)).rows).toEqual([{ id: 1 }, { id: 3 }]);
    await pool.query(sql);
    expect(await storedRules(pool, `"ru'les"`)).toHaveLength(5);
  });
});
