import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Rule } from '../../src/index.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { useDatabase } from '../support/database.ts';
import { createRuleTable, inTransaction, manyRules, unindexableValue } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool({ max: 3 });
const rules = manyRules(12_000).map((values): Rule => ({ ptype: 'p', values }));

beforeEach(() => pool.query('drop schema public cascade; create schema public'));

interface Seeded {
  readonly inserted: readonly Rule[];
  /** Which indexes were there when rules were inserted. */
  readonly present: readonly string[];
  /** Whether the stored rules were read. */
  readonly compared: boolean;
}

/** Makes the table, changes it by `sql`, and seeds it, all in one transaction. */
function seedNewTable(sql: string, given: readonly Rule[] = rules): Promise<Seeded> {
  return inTransaction(pool, async (client) => {
    await createRuleTable(client);
    await client.query(sql);
    return seedAndWatch(client, given);
  });
}

async function seedAndWatch(client: pg.PoolClient, given: readonly Rule[]): Promise<Seeded> {
  let present: string[] = [];
  let compared = false;
  const watched = {
    async query(text: string, values?: unknown[]) {
      compared ||= text.startsWith('declare ');
      if (text.includes('insert into')) present = await listIndexes(client);
      return client.query(text, values);
    },
  };
  const { inserted } = await seedRules(watched, new DocumentTable(), given);
  return { inserted, present, compared };
}

async function listIndexes(client: pg.ClientBase | pg.Pool): Promise<string[]> {
  const { rows } = await client.query(
    `select indexrelid::regclass::text as name from pg_index where indrelid = 'casbin'::regclass order by indexrelid`,
  );
  return rows.map(({ name }) => name);
}

/** All that the catalog says of the indexes and constraints of the table. */
async function describeIndexes(client: pg.ClientBase | pg.Pool): Promise<unknown[]> {
  const { rows } = await client.query(`
    select pg_get_indexdef(i.indexrelid) as index, c.conname as constraint, pg_get_constraintdef(c.oid) as definition
    from pg_index i
    left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
    where i.indrelid = 'casbin'::regclass
    order by i.indexrelid
  `);
  return rows;
}

const ALL = ['casbin_pkey', 'casbin_uniq_ptype_rule', 'idx_casbin_ptype', 'idx_casbin_rule_v0'];

describe('a table made in the same transaction', () => {
  it('gets its rows first, then its indexes as they were', async () => {
    const made = `
      create unique index "Of ""ours""" on casbin (id desc nulls last, (rule ->> 1) collate "C") where ptype <> 'p';
      alter table casbin add constraint "Of ids" unique (id, ptype) include (rule)`;
    const client = await pool.connect();
    await client.query('begin');
    await createRuleTable(client);
    await client.query(made);
    const before = await describeIndexes(client);
    expect(await seedAndWatch(client, rules)).toEqual({ inserted: rules, present: [], compared: false });
    expect(await describeIndexes(client)).toEqual(before);
    await client.query('commit');
    client.release();
    expect(before).toHaveLength(6);
    const { rows } = await pool.query('select id, ptype, rule from casbin order by id');
    expect(rows).toEqual(rules.map(({ ptype, values }, index) => ({ id: index + 1, ptype, rule: values })));
  });

  it('stores a rule once that is given twice', async () => {
    const { inserted } = await seedNewTable('', [...rules, ...rules.slice(5)]);
    expect(inserted).toEqual(rules);
  });

  it('names a rule that is too long for an index', async () => {
    const value = unindexableValue();
    const given = [...rules, { ptype: 'p', values: ['role1', value, 'read'] }];
    const error = await seedNewTable('', given).catch((e) => e);
    expect(error).toMatchObject({ code: 'RULE_TOO_LONG' });
    expect(error.message).toContain(`p, role1, ${value.slice(0, 40)}`);
  });

  it.each([
    ['a comment', `comment on index idx_casbin_ptype is 'ours'`, ['idx_casbin_ptype']],
    [
      'a comment on its constraint',
      `comment on constraint casbin_uniq_ptype_rule on casbin is 'ours'`,
      ['casbin_uniq_ptype_rule'],
    ],
    ['a setting', 'alter index idx_casbin_ptype set (fillfactor = 70)', ['idx_casbin_ptype']],
    ['an order for cluster', 'alter table casbin cluster on idx_casbin_ptype', ['idx_casbin_ptype']],
    [
      'the identity for replication',
      'alter table casbin replica identity using index casbin_uniq_ptype_rule',
      ['casbin_uniq_ptype_rule'],
    ],
    [
      'a statistics target',
      'alter index idx_casbin_rule_v0 alter column 1 set statistics 500',
      ['idx_casbin_rule_v0'],
    ],
    [
      'a view that depends on it',
      'create view grouped as select id, ptype, rule from casbin group by id',
      ['casbin_pkey'],
    ],
  ])('keeps an index with %s', async (_, sql, kept) => {
    expect(await seedNewTable(sql)).toEqual({ inserted: rules, present: kept, compared: false });
    expect((await listIndexes(pool)).sort()).toEqual(ALL);
  });

  it.each([
    ['a foreign key to it', 'create table note (rule integer references casbin)'],
    ['a rule of the server', 'create rule quiet as on delete to casbin do instead nothing'],
    [
      'a trigger',
      `create function keep() returns trigger language plpgsql as 'begin return new; end';
       create trigger keep before insert on casbin for each row execute function keep()`,
    ],
  ])('keeps all indexes beside %s', async (_, sql) => {
    expect(await seedNewTable(sql)).toEqual({ inserted: rules, present: ALL, compared: true });
  });

  it('keeps all indexes for a few rules, which are sooner written', async () => {
    const few = rules.slice(0, 999);
    expect(await seedNewTable('', few)).toEqual({ inserted: few, present: ALL, compared: true });
  });

  it('keeps all indexes when a rule is there already', async () => {
    const { inserted, present } = await seedNewTable(
      `insert into casbin (ptype, rule) values ('g', '["a", "b"]')`,
    );
    expect(inserted).toEqual(rules);
    expect(present).toEqual(ALL);
  });

  it('keeps the indexes if another role owns them', async () => {
    const role = await database.createRole();
    const { inserted, present } = await seedNewTable(`
      grant select, insert on casbin to ${role.name};
      grant usage on sequence casbin_id_seq to ${role.name};
      grant usage on schema public to ${role.name};
      set local role ${role.name}`);
    expect(inserted).toEqual(rules);
    expect(present).toEqual(ALL);
  });
});

it('keeps the indexes of an empty table that others can use', async () => {
  await createRuleTable(pool);
  const { inserted, present } = await inTransaction(pool, (client) => seedAndWatch(client, rules));
  expect(inserted).toEqual(rules);
  expect(present).toEqual(ALL);
});
