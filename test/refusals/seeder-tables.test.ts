import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { refusalOf } from './refusal.fixture.ts';
import { databaseWith, settings } from './tables.fixture.ts';

describe('a row seeder', () => {
  test.each([{ bare: true }, { bare: false }])('without its table is refused: %j', async (state) => {
    const database = await databaseWith('', state);
    const error = await refusalOf(database, { seeders: [settings()] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_MISSING' });
    expect(error.message).toBe(
      'Seeder "settings" failed: relation "settings" does not exist. Nothing was changed. Add a migration that creates it to the seeder or to the migrations option, or correct its name.',
    );
  });

  test('whose table is in a schema that is not there is refused', async () => {
    const database = await databaseWith();
    const error = await refusalOf(database, { seeders: [settings({ table: 'shop.settings' })] });
    expect(error).toMatchObject({ code: 'TABLE_MISSING' });
    expect(error.message).toContain('"shop.settings" does not exist');
  });

  test('whose table was dropped after its migration fails with advice to restore it', async () => {
    const up = async (db: Kysely<unknown>) => {
      await sql`create table settings (id int primary key, currency text)`.execute(db);
    };
    const options = { seeders: [settings({ migrations: { "shop's settings": { up } } })] };
    const database = await databaseWith();
    await bootstrapDatabase(database.pool(), options);
    await database.pool().query('drop table settings');
    const error = await refusalOf(database, options);
    expect(error).toMatchObject({ code: 'TABLE_MISSING' });
    const remedy = /let the migration run again: (delete .*;)$/.exec(error.message)?.[1];
    await database.pool().query(remedy ?? '');
    await expect(bootstrapDatabase(database.pool(), options)).resolves.toMatchObject({ changed: true });
  });

  test('whose table a migration of this run removes is told so, but not where an earlier run has made it', async () => {
    const make = async (db: Kysely<unknown>) => {
      await sql`create table settings (id int primary key, currency text)`.execute(db);
    };
    const drop = async (db: Kysely<unknown>) => void (await sql`drop table settings`.execute(db));
    const database = await databaseWith();
    const migrations = { settings_1: { up: make } };
    await bootstrapDatabase(database.pool(), { seeders: [settings({ migrations })] });
    const removed = await refusalOf(database, {
      seeders: [settings({ migrations })],
      migrations: { odd: { up: drop } },
    });
    expect(removed.message).toContain(
      'The migrations of this run did not create it, or removed or renamed it.',
    );

    await database.pool().query('drop table settings');
    const later = { ...migrations, settings_2: { up: async () => {} } };
    const gone = await refusalOf(database, { seeders: [settings({ migrations: later })] });
    expect(gone.message).toContain('let the migration run again');
  });

  test('with columns that the table lacks is refused, with all of them', async () => {
    const database = await databaseWith('create table settings (id int primary key, "Currency" text)');
    const rows = [
      { id: 1, currency: 'EUR' },
      { id: 2, 'odd "one"': 1, 'a.b': 2 },
    ];
    const error = await refusalOf(database, { seeders: [settings({ rows })] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'COLUMN_MISSING' });
    expect(error.message).toBe(
      'Seeder "settings" failed: table "settings" has no columns "currency", "odd ""one""", "a.b". Nothing was changed. Add it by a migration, or correct its name.',
    );
  });

  test.each(['uid', 'ID', 'a.b', '"', 'present'])(
    'whose key has a name that is no column of the table is refused: %s',
    async (key) => {
      const database = await databaseWith('create table settings (id int primary key)');
      const rows = [{ id: 1, [key]: 1 }];
      const error = await refusalOf(database, { seeders: [settings({ key: ['id', key], rows })] });
      expect(error).toMatchObject({ code: 'COLUMN_MISSING' });
      expect(error.message).toContain(`table "settings" has no column "${key.replaceAll('"', '""')}".`);
    },
  );

  test.each([
    'create table settings (id int, currency text)',
    'create table settings (id int, currency text, unique (id, currency))',
    'create table settings (id int, currency text); create unique index on settings (id) where currency is null',
    'create table settings (id int, currency text); create unique index on settings (abs(id))',
    'create table settings (id int, currency text); create unique index on settings (id, lower(currency))',
    'create table settings (id int, currency text); create index on settings (id)',
    `create table settings (id int, currency text); create unique index invalid on settings (id);
    update pg_index set indisvalid = false where indexrelid = 'invalid'::regclass`,
  ])('without a unique constraint on its key is refused: %s', async (statements) => {
    const database = await databaseWith(statements);
    const error = await refusalOf(database, { seeders: [settings()] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'UNIQUE_CONSTRAINT_MISSING' });
    const remedy = /Add the constraint: (alter .*;)$/.exec(error.message)?.[1];
    await database.pool().query(remedy ?? '');
    await expect(bootstrapDatabase(database.pool(), { seeders: [settings()] })).resolves.toBeDefined();
  });

  test.each(['view', 'materialized view'])(
    'of a %s is refused, as it can get no constraint',
    async (view) => {
      const database = await databaseWith(
        `create table kept (id int primary key, currency text); create ${view} settings as select * from kept`,
      );
      const error = await refusalOf(database, { seeders: [settings()] });
      expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
      expect(error.message).toBe(
        'Seeder "settings" failed: "settings" is a view, which has no unique constraints, so its rows can\'t be told apart. Nothing was changed. Name the table behind it.',
      );
    },
  );

  test.each([
    'create table settings (id int unique deferrable, currency text)',
    'create table settings (id int unique deferrable, currency text); create unique index on settings (id)',
    'create table settings (id int primary key deferrable initially deferred, currency text)',
  ])(
    'whose constraint is deferrable is refused, with the statement that fixes it: %s',
    async (statements) => {
      const database = await databaseWith(statements);
      const error = await refusalOf(database, { seeders: [settings()] });
      expect(error).toMatchObject({ code: 'UNIQUE_CONSTRAINT_MISSING' });
      expect(error.message).toContain('is deferrable');
      const remedy = /(alter .*;)$/.exec(error.message)?.[1];
      await database.pool().query(remedy ?? '');
      await expect(bootstrapDatabase(database.pool(), { seeders: [settings()] })).resolves.toBeDefined();
    },
  );

  test.each([
    [
      'create table settings (id int, code text, currency text, unique (code, id) include (currency))',
      ['id', 'code'],
    ],
    ['create table settings ("Id.x" int primary key, currency text)', 'Id.x'],
  ])('finds the constraint in whatever form: %s', async (statements, key) => {
    const database = await databaseWith(statements);
    const names: readonly string[] = [key].flat();
    const rows = [Object.fromEntries(names.map((name) => [name, 1]))];
    await expect(
      bootstrapDatabase(database.pool(), { seeders: [settings({ key, rows })] }),
    ).resolves.toMatchObject({ changed: true });
  });

  test.each<[object, string, RegExp]>([
    [{ id: 'one' }, 'int', /invalid input syntax for type integer: "one"/],
    [{ id: 1, currency: null }, 'int', /null value in column "currency"/],
    [{ id: 1, currency: 'EURO' }, 'int', /value too long for type character varying\(3\)/],
    [{ id: 1, currency: 'xxx' }, 'int', /violates check constraint/],
    [{ id: 2 ** 40, currency: 'EUR' }, 'int', /out of range/],
  ])(
    'with a value that its column does not take is named, with the reason: %j',
    async (row, type, reason) => {
      const database = await databaseWith(
        `create table settings (id ${type} primary key, currency varchar(3) not null check (currency ~ '^[A-Z]+$'))`,
      );
      const error = await refusalOf(database, { seeders: [settings({ rows: [row] })] });
      expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'settings' });
      expect(error.message).toMatch(/^Seeder "settings" failed: .* Nothing was changed\.$/);
      expect(error.message).toMatch(reason);
      expect(error.cause).toBeInstanceOf(Error);
    },
  );
});
