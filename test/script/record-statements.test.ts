import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { type BootstrapOptions, bootstrapDatabase, rowSeeder, writeBootstrapSql } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { expectComplete } from './scripted.fixture.ts';

describe('the SQL of a seeder with migrations of its own', () => {
  const withMigration = (up: (db: Kysely<unknown>) => Promise<unknown>): BootstrapOptions => ({
    policy: null,
    seeders: [
      {
        ...rowSeeder({ name: 'units', table: 'units', key: 'id', rows: [{ id: 1 }] }),
        migrations: { units_0001: { up: async (db) => void (await up(db)) } },
      },
    ],
  });

  test('has each of their statements, also those that begin as queries', async () => {
    const pool = (await createDatabase()).pool();
    const options = withMigration(async (db) => {
      await sql`create table units (id serial primary key, note text)`.execute(db);
      await sql`create table former as values (7)`.execute(db);
      await sql`
        with moved as (delete from former returning *)
        insert into units select column1, ${"it's"} from moved where 'costs $1' <> ''
      `.execute(db);
      await sql`insert into former values (8) returning *`.execute(db);
      await sql`/* on */ select setval(pg_catalog.pg_get_serial_sequence('units', 'id'), 50)`.execute(db);
      await sql`/* it's on */ select setval(pg_catalog.pg_get_serial_sequence('units', 'id'), 51)`.execute(
        db,
      );
      await sql`/* it /* really */ is */ select setval('units_id_seq', 51)`.execute(db);
      await sql`-- it's a query
        (select 1)`.execute(db);
      for (const query of ['values (1)', 'table former', 'show search_path']) {
        await sql.raw(query).execute(db);
      }
      await sql`
        create function refill() returns void language sql as $$ update former set column1 = column1 + 1 $$
      `.execute(db);
      await sql`select refill(), current_schema()`.execute(db);
    });
    const script = await writeBootstrapSql(options);
    await pool.query(script);
    await pool.query(script);
    await expectComplete(pool, options);
    const { rows } = await pool.query(
      `select id, note, nextval('units_id_seq')::int as next, column1 from units, former order by 1`,
    );
    expect(rows).toEqual([
      { id: 1, note: null, next: 52, column1: 9 },
      { id: 7, note: "it's", next: 53, column1: 9 },
    ]);
  });

  test('has them in the order of their names', async () => {
    const none = { seed: async () => ({ inserted: 0, existing: 0 }) };
    const seeders = ['b_0001', 'a_0001'].map((name) => ({
      ...none,
      name,
      migrations: { [name]: { up: async () => {} } },
    }));
    const script = await writeBootstrapSql({ policy: null, seeders });
    expect(script.match(/(?<=-- Migration )[ab]_0001/g)).toEqual(['a_0001', 'b_0001']);
  });

  test.each([
    ['a text', `'it''s\n            indented   '`],
    ['a text after a name', `"it's" || 'it''s\n            indented   '`],
    ['a text after another kind of text', `$$it$$ || $a$it's $$$a$ || 'it''s\n            indented   '`],
    ['a text after a comment', `-- it's a text\n 'it''s\n            indented   '`],
    ['a text after a comment of its own kind', `/* it's\n a text */ 'it''s\n            indented   '`],
    [
      'a text after comments in a comment',
      `/* a /* b /* c */ d */ it's $1 */ 'it''s\n            indented   '`,
    ],
    ['a text with a backslash', `e'it\\'s\n            indented   '`],
  ])('keeps the blanks of %s, and writes the parameters after it', async (_, text) => {
    const pool = (await createDatabase()).pool();
    const options = withMigration(async (db) => {
      await sql`create table units (id int primary key, note text, "it's" text)`.execute(db);
      await sql`
        insert into units
        select 2, right(${sql.raw(text)}, ${27}) from (select '') as given ("it's") where ${'a'} <> ''
      `.execute(db);
    });
    await pool.query(await writeBootstrapSql(options));
    const { rows } = await pool.query('select note from units where id = 2');
    expect(rows).toEqual([{ note: "t's\n            indented   ".slice(-27) }]);
  });

  test('has the values of their statements as pg sends them', async () => {
    const options = withMigration(async (db) => {
      await sql`
        create table units (
          id int primary key, amount numeric, big bigint, exact boolean, at timestamptz, tags text[], grid int[], data bytea, more jsonb
        )
      `.execute(db);
      const [at, data] = [new Date('2026-01-02T03:04:05.006Z'), Buffer.from([0, 255])];
      const tags = ['a,b', 'say "hi"', 'back\\slash', null, ''];
      const grid = [
        [1, -2],
        [3, 4],
      ];
      await sql`
        insert into units
        values (${2}, ${Number.NaN}, ${2n ** 62n}, ${true}, ${at}, ${tags}, ${grid}, ${data}, ${{ note: "it's" }})
      `.execute(db);
      await sql`insert into units (id, tags, more) values (${3}, ${[]}, ${undefined})`.execute(db);
      await sql`update units set id = id -${-5} where id = any(${[2, 3]})`.execute(db);
    });
    const [written, run] = [(await createDatabase()).pool(), (await createDatabase()).pool()];
    await written.query(await writeBootstrapSql(options));
    await bootstrapDatabase(run, options);
    const select = 'select * from units order by id';
    const { rows } = await run.query(select);
    expect(rows).toHaveLength(3);
    expect((await written.query(select)).rows).toEqual(rows);
  });

  test('is refused where one needs what a query returns', async () => {
    const options = withMigration(async (db) => {
      const { rows } = await sql<{ id: number }>`select max(id) as id from units`.execute(db);
      if (rows[0] === undefined) throw new Error('units has no maximum');
    });
    await expect(writeBootstrapSql(options)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      migration: 'units_0001',
      message: `Migration "units_0001" can't be written as SQL, because it fails without a database: units has no maximum. Make it independent of what a query returns, or run a bootstrap instead of the script.`,
    });
  });
});
