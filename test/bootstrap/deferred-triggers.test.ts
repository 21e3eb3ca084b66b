import { expect, test } from 'vitest';
import { bootstrapDatabase, rowSeeder } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const MORE = { rules: [['p', 'auditor', 'log', 'read']] };

test('changes of rules by a deferred trigger are verified', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, { policy: { rules: [['p', 'clerk', 'log', 'read']] } });
  await pool.query(`
    create function tidy() returns trigger language plpgsql as
    $$ begin delete from casbin where rule ->> 0 = 'auditor'; return null; end $$;
    create constraint trigger tidy after insert on casbin
    deferrable initially deferred for each row execute function tidy();
  `);

  await expect(bootstrapDatabase(pool, { policy: MORE })).rejects.toMatchObject({
    code: 'VERIFICATION_FAILED',
    message: expect.stringContaining('auditor, log, read'),
  });

  const { rows } = await pool.query("select from casbin where rule ->> 0 = 'auditor'");
  expect(rows).toEqual([]);
});

test('a deferred constraint that is broken refuses the bootstrap with its own reason', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await pool.query(`
    create table department (id int primary key);
    create table staff (id int primary key, department int references department deferrable initially deferred);
  `);
  const staff = {
    name: 'staff',
    async seed({ db }: { db: { insertInto: (table: string) => object } }) {
      await Object(db.insertInto('staff')).values({ id: 1, department: 7 }).execute();
      return { inserted: 1, existing: 0 };
    },
  };

  await expect(bootstrapDatabase(pool, { seeders: [staff] })).rejects.toMatchObject({
    code: 'DATABASE_REFUSED',
    message: expect.stringContaining('violates foreign key constraint'),
  });
});

test.for(['staff', 'public.staff'])(
  'a deferred foreign key that is broken is told with its key, and the seeder that fills %s',
  async (table) => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
    create table department (id int primary key);
    create table staff (id int primary key, department int references department deferrable initially deferred);
  `);
    const staff = rowSeeder({ name: 'people', table, key: 'id', rows: [{ id: 1, department: 7 }] });

    await expect(bootstrapDatabase(pool, { seeders: [staff] })).rejects.toMatchObject({
      code: 'DATABASE_REFUSED',
      message:
        'The database refused: insert or update on table "staff" violates foreign key constraint "staff_department_fkey" (23503). Nothing was changed. Key (department)=(7) is not present in table "department". Seeder "people" fills table "staff".',
    });
  },
);

test('what a deferred trigger raises refuses the bootstrap', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(`
    create table plans (id int primary key);
    create function refuse() returns trigger language plpgsql as $$ begin raise 'not on Sundays'; end $$;
    create constraint trigger refuse after insert on plans
    deferrable initially deferred for each row execute function refuse();
  `);
  const plans = rowSeeder({ name: 'plans', table: 'plans', key: 'id', rows: [{ id: 1 }] });

  await expect(bootstrapDatabase(pool, { seeders: [plans] })).rejects.toMatchObject({
    code: 'DATABASE_REFUSED',
    message: 'The database refused: not on Sundays (P0001). Nothing was changed.',
  });
});
