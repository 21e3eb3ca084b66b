import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { plans, REMEDY, refusalWith } from './plans.fixture.ts';
import { refusalOf } from './refusal.fixture.ts';

describe('a row that is not in the table after its insert is reported', () => {
  const trigger = (body: string) => `
    create table plans (id text primary key, seats int);
    create function odd() returns trigger language plpgsql as $$ begin ${body} end $$;
    create trigger odd before insert on plans for each row execute function odd()`;

  test.each([
    ['leaves it out', 'if new.seats > 1 then return null; end if; return new;'],
    ['changes its key', 'new.id := lower(new.id); return new;'],
  ])('where a trigger %s', async (_, body) => {
    const error = await refusalWith(trigger(body), [
      { id: 'a', seats: 1 },
      { id: 'B', seats: 2 },
      { seats: 3, id: 'C' },
    ]);
    expect(error.message).toBe(
      `Seeder "plans" failed: table "public.plans" has no row with the key of row 2 (rows[1]), row 3 (rows[2]) after the insert. A trigger leaves the row out or changes its key, or row-level security hides it. ${REMEDY}`,
    );
  });

  test('where a trigger of the whole statement removes it', async () => {
    const error = await refusalWith(
      `create table plans (id text primary key);
      create function odd() returns trigger language plpgsql as $$ begin delete from plans where id = 'b'; return null; end $$;
      create trigger odd after insert on plans execute function odd()`,
      [{ id: 'a' }, { id: 'b' }],
    );
    expect(error.message).toContain('has no row with the key of row 2 (rows[1]) after the insert.');
  });

  test('all ten of them', async () => {
    const rows = Array.from({ length: 10 }, (_, n) => ({ id: `a${n}`, seats: n }));
    const error = await refusalWith(trigger('return null;'), rows);
    expect(error.message).toContain('row 9 (rows[8]), row 10 (rows[9]) after the insert.');
  });

  test('with the number of others that follow', async () => {
    const rows = Array.from({ length: 26_000 }, (_, n) => ({ id: `a${n}`, seats: n }));
    const error = await refusalWith(trigger('if new.seats > 19 then return null; end if; return new;'), rows);
    expect(error.message).toContain('row 30 (rows[29]) and 25970 more after the insert.');
  });

  test('where row-level security hides the row that has its key', async () => {
    const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
    const { name, url } = await database.createRole();
    await database.pool().query(`
      create table plans (id text primary key, seats int); insert into plans values ('a', 1);
      alter table plans enable row level security;
      create policy large on plans using (seats > 1);
      grant select, insert on all tables in schema public to ${name}`);
    const pool = database.pool({ connectionString: url });
    const error = await refusalOf(database, plans([{ id: 'a', seats: 2 }]), pool);
    expect(error.message).toContain('has no row with the key of row 1 (rows[0]) after the insert.');
  });

  test('but not where the trigger has put it into a table that inherits', async () => {
    const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
    await database.pool().query(`
      ${trigger('insert into small values (new.*); return null;')};
      create table small () inherits (plans)`);
    const report = await bootstrapDatabase(database.pool(), plans([{ id: 'a', seats: 1 }]));
    expect(report.seeders[1]).toMatchObject({ total: 1 });
    const { rows } = await database.pool().query('select id from small');
    expect(rows).toEqual([{ id: 'a' }]);
  });
});

describe('a rule that a trigger leaves out is reported', () => {
  async function refusalOfRules(count: number, verify: { verify?: false } = {}) {
    const database = await createBootstrapped({ policy: null, verify: false, seeders: [] });
    await database.pool().query(`
      create function leave_out() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger leave_out before insert on casbin for each row execute function leave_out()`);
    const rules = Array.from({ length: count }, (_, n) => ['p', 'clerk', `page${n}`, 'read']);
    return refusalOf(database, { policy: { rules }, seeders: [], ...verify });
  }

  test.each([{}, { verify: false }] as const)(
    'with others, and how many more there are (%o)',
    async (verify) => {
      const error = await refusalOfRules(12, verify);
      expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'rbac' });
      expect(error.message).toMatch(
        /^Seeder "rbac" failed: table public\.casbin does not hold "p, clerk, page0, read"; .*"p, clerk, page9, read" and 2 more after the insert, because a trigger leaves it out or changes it\. Change the trigger, or the policy\. Nothing was changed\.$/,
      );
    },
  );

  test.each([
    [1, /"p, clerk, page0, read" after the insert/],
    [10, /"p, clerk, page8, read"; "p, clerk, page9, read" after the insert/],
  ])('alone, or in a list of all %i', async (count, message) => {
    expect((await refusalOfRules(count)).message).toMatch(message);
  });
});
