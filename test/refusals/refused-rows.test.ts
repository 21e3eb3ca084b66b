import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { plans, REMEDY, refusalWith } from './plans.fixture.ts';
import { refusalOf } from './refusal.fixture.ts';

describe('a value that its column can not have is reported with seeder, table, row and column', () => {
  test.each<[string, unknown, unknown, string]>([
    ['int', 1, 'abc', 'invalid input syntax for type integer: "abc"'],
    ['smallint', 1, 40_000, 'value "40000" is out of range for type smallint'],
    ['varchar(3)', 'abc', 'abcd', 'value too long for type character varying(3)'],
    ['char(3)', 'abc', 'abcd', 'value too long for type character(3)'],
    ['numeric(3, 1)', 99, 1000, 'numeric field overflow'],
    ['boolean', true, 'maybe', 'invalid input syntax for type boolean: "maybe"'],
    ['uuid', null, 'no', 'invalid input syntax for type uuid: "no"'],
    ['date', '2026-02-28', '2026-02-30', 'date/time field value out of range: "2026-02-30"'],
    ['timestamptz', new Date(0), 'soon', 'invalid input syntax for type timestamp with time zone: "soon"'],
    ['bit(3)', '101', '1010', 'bit string length 4 does not match type bit(3)'],
    ['int[]', [1, 2], [1, 'b'], 'invalid input syntax for type integer: "b"'],
    ['text[]', ['a'], { a: 1 }, 'expected JSON array'],
    ['int4range', '[1,2)', '[2,1)', 'range lower bound must be less than or equal to range upper bound'],
    ['tsquery', 'a & b', 'a &', 'no operand in tsquery: "a &"'],
    ['"a mood"', 'good', 'soso', 'invalid input value for enum "a mood": "soso"'],
    ['percent', 100, 101, 'value for domain percent violates check constraint "percent_check"'],
    ['pair', { a: 1, b: 2 }, { a: 'x' }, 'invalid input syntax for type integer: "x"'],
  ])('%s', async (type, sound, value, reason) => {
    const error = await refusalWith(
      `create type "a mood" as enum ('good'); create domain percent as int check (value <= 100);
      create type pair as (a int, b int); create table plans (id int primary key, "the value" ${type})`,
      [{ id: 1 }, { id: 2, 'the value': sound }, { id: 3, 'the value': value }],
    );
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" refused row 3 (rows[2]), column "the value": ${reason}. ${REMEDY}`,
    );
  });

  test('in the key, by which a start looks for what is missing', async () => {
    const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
    await database.pool().query('create table plans (id int primary key); insert into plans values (1), (2)');
    for (const rows of [[{ id: 1 }, { id: 'one' }], [{ id: 2 ** 40 }]]) {
      const error = await refusalOf(database, plans(rows));
      expect(error.message).toContain(
        `table "public.plans" refused row ${rows.length} (rows[${rows.length - 1}]), column "id": `,
      );
    }
  });

  test('in a table of another schema, whatever the names', async () => {
    const error = await refusalWith(
      `create schema "ref data"; create type "ref data".mood as enum ('good');
      create table "ref data"."my units" (code text primary key, "a ""b" "ref data".mood)`,
      [{ code: 'kg', 'a "b': 'bad' }],
      { table: 'ref data.my units', key: 'code' },
    );
    expect(error.message).toContain('table "ref data.my units" refused row 1 (rows[0]), column "a "b": ');
  });

  test('all of them, of several columns and of rows that give different ones', async () => {
    const error = await refusalWith(
      'create table plans (id int primary key, seats int default 1, code varchar(3))',
      [
        { id: 1, code: 'ok' },
        { id: 2, code: 'four' },
        { id: 3, seats: 'x', code: 'long' },
        { seats: 4, id: 4 },
        { id: 5, seats: 'y' },
      ],
    );
    const tooLong = 'value too long for type character varying(3)';
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" refused ${[
        `row 2 (rows[1]), column "code": ${tooLong}`,
        'row 3 (rows[2]), column "seats": invalid input syntax for type integer: "x"',
        `row 3 (rows[2]), column "code": ${tooLong}`,
        'row 5 (rows[4]), column "seats": invalid input syntax for type integer: "y"',
      ].join('; ')}. ${REMEDY}`,
    );
  });

  test('ten of them, and the first of each column, when there are more', async () => {
    const rows = Array.from({ length: 60_000 }, (_, id) => ({
      id,
      seats: id >= 29_990 ? `s${id}` : id,
      code: id >= 59_990 ? 'long' : 'ok',
    }));
    const error = await refusalWith(
      'create table plans (id int primary key, seats int, code varchar(3))',
      rows,
    );
    const named = [...error.message.matchAll(/rows\[(\d+)\]\), column "(\w+)"/g)].map(
      ([, index, column]) => `${index} ${column}`,
    );
    expect(named).toEqual([...Array.from({ length: 10 }, (_, n) => `${29_990 + n} seats`), '59990 code']);
    expect(error.message).toContain('. There may be more than these. Correct the rows');
  });

  test('ten of a single column', async () => {
    const rows = Array.from({ length: 12 }, (_, id) => ({ id, seats: 'x' }));
    const error = await refusalWith('create table plans (id int primary key, seats int)', rows);
    expect(error.message).toContain('row 10 (rows[9]), column "seats"');
    expect(error.message).not.toContain('row 11');
    expect(error.message).toContain('. There may be more than these. Correct the rows');
  });

  test('in short, and on one line, whatever the value is', async () => {
    const error = await refusalWith('create table plans (id int primary key, seats int)', [
      { id: 1, seats: `a\nb\u0007${'c'.repeat(10_000)}` },
    ]);
    expect(error.message).toContain('invalid input syntax for type integer: "a b cccc');
    expect(error.message.length).toBeLessThan(700);
    expect(error.message).not.toContain('\n');
  });
});

describe('a row that breaks a constraint on its own values is reported', () => {
  test('that leaves out, or gives null for, what must not be null', async () => {
    const error = await refusalWith(
      `create table plans (id int primary key, name text not null, seats int not null default 1)`,
      [{ id: 1, name: 'a' }, { id: 2, name: null }, { id: 3, name: 'c', seats: null }, { id: 4 }],
    );
    const nulls = (column: string) =>
      `column "${column}": null value in column "${column}" of relation "plans" violates not-null constraint`;
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" refused row 2 (rows[1]), ${nulls('name')}; row 3 (rows[2]), ${nulls('seats')}; row 4 (rows[3]), ${nulls('name')}. ${REMEDY}`,
    );
  });

  test('that gives null to a column whose domain does not allow it', async () => {
    const error = await refusalWith(
      `create domain needed as text not null; create table plans (id int primary key, name needed default 'none')`,
      [{ id: 1, name: 'a' }, { id: 2, name: null }, { id: 3 }],
    );
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" refused row 2 (rows[1]), column "name": domain needed does not allow null values. ${REMEDY}`,
    );
  });

  test('that leaves out a column whose domain does not allow null', async () => {
    const error = await refusalWith(
      'create domain needed as text not null; create table plans (id int primary key, name needed)',
      [{ id: 1, name: 'a' }, { id: 2 }, { id: 3, name: 'b' }, { id: 4 }],
    );
    const nulls = 'domain needed does not allow null values';
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" refused row 2 (rows[1]): ${nulls}; row 4 (rows[3]): ${nulls}. ${REMEDY}`,
    );
  });

  test('but not where the search for the row takes longer than a statement may', async () => {
    const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
    await database.pool().query(`
      create table plans (id int primary key, check (id <> 1));
      create function wait() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';
      create trigger wait before insert on plans for each row when (new.id = 2) execute function wait()`);
    const error = await refusalOf(database, {
      ...plans([{ id: 1 }, { id: 2 }]),
      statementTimeoutMs: 500,
    });
    expect(error).toMatchObject({ code: 'STATEMENT_TIMEOUT' });
  });

  test('with the constraint, though a trigger changes what others give', async () => {
    const error = await refusalWith(
      `create table plans (id int primary key, seats int not null, constraint enough check (seats > 2));
      create function fill() returns trigger language plpgsql as 'begin if new.id < 3 then new.seats := 5; end if; return new; end';
      create trigger fill before insert on plans for each row execute function fill()`,
      [
        { id: 1, seats: null },
        { id: 2, seats: 1 },
        { id: 3, seats: 1 },
      ],
    );
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" refused row 3 (rows[2]): new row for relation "plans" violates check constraint "enough". ${REMEDY}`,
    );
  });
});

test('the search for a refused row reports no progress', async () => {
  const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
  await database.pool().query('create table plans (id int primary key check (id <> 2))');
  const [seeder] = plans([{ id: 1 }, { id: 2 }]).seeders;
  const reported: number[] = [];
  const watched: Seeder = {
    name: 'plans',
    seed: (context) => seeder.seed({ ...context, progress: (done) => void reported.push(done) }),
  };
  const error = await refusalOf(database, { policy: null, verify: false, seeders: [watched] });
  expect(error.message).toContain('table "public.plans" refused row 2 (rows[1])');
  expect(reported).toEqual([]);
});

describe('an error that no value causes is reported unchanged, with seeder and table', () => {
  test.each([
    [
      'a generated column',
      'create table plans (id int primary key, seats int, share int generated always as (100 / seats) stored)',
      'division by zero',
    ],
    [
      'a trigger that reads something else',
      `create table plans (id int primary key, seats int);
      create function odd() returns trigger language plpgsql as $$ begin perform 'x'::int; return new; end $$;
      create trigger odd before insert on plans for each row execute function odd()`,
      'invalid input syntax for type integer: "x"',
    ],
    [
      'an exception of a trigger',
      `create table plans (id int primary key, seats int);
      create function odd() returns trigger language plpgsql as $$ begin raise 'not on Sundays'; end $$;
      create trigger odd before insert on plans for each row execute function odd()`,
      'not on Sundays',
    ],
    [
      'a domain of a trigger',
      `create domain percent as int check (value <= 100); create table plans (id int primary key, seats int);
      create function odd() returns trigger language plpgsql as $$ begin perform 101::percent; return new; end $$;
      create trigger odd before insert on plans for each row execute function odd()`,
      'value for domain percent violates check constraint "percent_check"',
    ],
    [
      'a constraint of another table, which a trigger fills',
      `create table plans (id int primary key, seats int); create table log (seats int check (seats > 0));
      create function odd() returns trigger language plpgsql as $$ begin insert into log values (new.seats); return new; end $$;
      create trigger odd before insert on plans for each row execute function odd()`,
      'new row for relation "log" violates check constraint "log_seats_check"',
    ],
    [
      'a constraint of a table of the same name in another schema, which a trigger fills',
      `create table plans (id int primary key, seats int);
      create schema kept; create table kept.plans (seats int check (seats > 0));
      create function odd() returns trigger language plpgsql as $$ begin insert into kept.plans values (new.seats); return new; end $$;
      create trigger odd before insert on plans for each row execute function odd()`,
      'new row for relation "plans" violates check constraint "plans_seats_check"',
    ],
    [
      'a reference of another table, which a trigger fills',
      `create table plans (id int primary key, seats int); create table log (seats int references plans);
      create function odd() returns trigger language plpgsql as $$ begin insert into log values (99); return new; end $$;
      create trigger odd after insert on plans for each row execute function odd()`,
      'insert or update on table "log" violates foreign key constraint "log_seats_fkey"',
    ],
  ])('%s', async (_, ddl, reason) => {
    const error = await refusalWith(ddl, [
      { id: 1, seats: 1 },
      { id: 2, seats: 0 },
    ]);
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans": ${reason}. Nothing was changed.`,
    );
  });

  test('even beside a value that is too long, in a row that is there and so is not inserted', async () => {
    const error = await refusalWith(
      `create table plans (id int primary key, code varchar(3)); insert into plans values (1, 'a');
      create function odd() returns trigger language plpgsql as $$ begin perform 1 / 0; return new; end $$;
      create trigger odd before insert on plans for each row execute function odd()`,
      [
        { id: 1, code: 'long' },
        { id: 2, code: 'ok' },
      ],
    );
    expect(error.message).toContain('table "public.plans": division by zero.');
  });
});

describe('a key that breaks a constraint about several rows is reported, with what to do', () => {
  test.each([
    [
      'a reference to a row that is not there',
      'create table plans (id int primary key, seats int references plans)',
      'insert or update on table "plans" violates foreign key constraint "plans_seats_fkey": Key (seats)=(7) is not present in table "plans". Insert the other row first: seeders run in the order given. Nothing was changed.',
    ],
    [
      'a value that another row excludes',
      'create table plans (id int primary key, seats int, exclude (seats with =))',
      `conflicting key value violates exclusion constraint "plans_seats_excl": Key (seats)=(7) conflicts with existing key (seats)=(7). ${REMEDY}`,
    ],
  ])('%s', async (_, ddl, reason) => {
    const error = await refusalWith(ddl, [
      { id: 1, seats: 7 },
      { id: 2, seats: 7 },
    ]);
    expect(error.message).toBe(`Seeder "plans" failed: table "public.plans": ${reason}`);
  });
});

test('a key that breaks such a constraint is reported in short, and on one line', async () => {
  const name = `a\nb${'c'.repeat(1_000)}`;
  const error = await refusalWith(
    'create table plans (id int primary key, name text, exclude (name with =))',
    [
      { id: 1, name },
      { id: 2, name },
    ],
  );
  expect(error.message).toContain('Key (name)=(a bccc');
  expect(error.message.length).toBeLessThan(700);
});

test('a value that another row has already is reported with the table, after further attempts', async () => {
  const error = await refusalWith('create table plans (id int primary key, seats int unique)', [
    { id: 1, seats: 1 },
    { id: 2, seats: 1 },
  ]);
  expect(error.message).toMatch(
    /^Seeder "plans" failed: table "public\.plans": duplicate key value violates unique constraint "plans_seats_key": Key \(seats\)=\(1\) already exists\. It was tried 5 times\. Nothing was changed\. If nobody else writes the same, correct what it writes/,
  );
});

test.each([
  [
    'an identity',
    'id int generated always as identity primary key, seats int',
    'id',
    ', or let it take values: alter table "plans" alter column "id" set generated by default;',
  ],
  ['an expression', 'id int primary key, seats int generated always as (id) stored', 'seats', '.'],
])('a value for a column that is always generated, by %s, is refused', async (_, columns, column, remedy) => {
  const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
  await database.pool().query(`create table plans (${columns})`);
  const error = await refusalOf(database, plans([{ id: 1, seats: 1 }]));
  expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
  expect(error.message).toBe(
    `Seeder "plans" failed: column "${column}" of table "plans" is generated always, so no row can give it a value. Nothing was changed. Leave it out of rows and key${remedy}`,
  );
});

test('valid rows are inserted with two more round trips, and a start with nothing to insert has none', async () => {
  const database = await createDatabase();
  await database.pool().query('create table plans (id int primary key)');
  await using wire = await openWire(database.url);
  const pool = database.pool({ connectionString: wire.url });

  await bootstrapDatabase(pool, plans([{ id: 1 }]));
  const savepoints = wire.statements.filter((statement) =>
    statement.includes('savepoint casbin_bootstrap_rows'),
  );
  const before = wire.statements.length;
  await bootstrapDatabase(pool, plans([{ id: 1 }]));

  expect(savepoints).toEqual(['savepoint casbin_bootstrap_rows', 'release savepoint casbin_bootstrap_rows']);
  expect(wire.statements.slice(before).filter((statement) => statement.includes('savepoint'))).toEqual([]);
});
