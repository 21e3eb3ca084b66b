import pg from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { bootstrapDatabase, copyRules } from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { COLUMNS, createUsed, DOCUMENT, rulesIn } from './copied.fixture.ts';
import { invoices as policy } from './invoices.fixture.ts';

it.each(['from', 'to'])('a server that can not be reached is told: of the pool to copy %s', async (place) => {
  const [reached, unreachable] = [await createUsed(DOCUMENT), new pg.Pool({ host: '127.0.0.1', port: 1 })];
  const pools = { from: reached, to: reached, [place]: unreachable };
  const copy = copyRules({ from: { pool: pools.from }, to: { pool: pools.to, table: COLUMNS } });
  await expect(copy).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
});

it('a rule that is too long for its new column is refused with its row', async () => {
  const pool = await createUsed(DOCUMENT);
  await pool.query(`create table casbin_rule (id serial primary key, ptype varchar(100), v0 varchar(5), v1 varchar(5),
    v2 varchar(100), v3 varchar(100), v4 varchar(100), v5 varchar(100))`);
  const refused = copyRules({ from: { pool, table: DOCUMENT }, to: { pool, table: COLUMNS } });
  await expect(refused).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
  await expect(refused).rejects.toThrow(/column "v0" of public.casbin_rule takes 5 characters, and "viewer"/);
  expect(await rulesIn(pool, 'casbin_rule')).toEqual([]);
});

it('twenty of the rules that do not fit are told, and how many there are more', async () => {
  const pool = (await createDatabase()).pool();
  const rules = Array.from({ length: 22 }, (_, number) => ['p', `role${number}`, 'data', 'read']);
  await bootstrapDatabase(pool, { policy: { rules }, table: DOCUMENT, seeders: [] });
  await pool.query(`update casbin set rule = jsonb_set(jsonb_set(rule, '{1}', '"a,b"'), '{2}', '"c,d"')`);
  await pool.query(`alter table casbin rename to old`);
  await pool.query(`create table casbin_rule (id serial primary key, ptype varchar(100), v0 varchar(100), v1 varchar(2),
    v2 varchar(100), v3 varchar(100), v4 varchar(100), v5 varchar(100))`);
  const copy = copyRules({
    from: { pool, table: { ...DOCUMENT, name: 'old' } },
    to: { pool, table: COLUMNS },
  });
  const ids = rules.map((_, index) => index + 1);
  await expect(copy).rejects.toMatchObject({ code: 'STORED_RULE_INVALID', ids });
  await expect(copy).rejects.toThrow(/^Not all rules of .*(\n {2}id \d+: .*){20}\n {2}… and 24 more$/);
});

it('a table is not copied onto itself, by whatever pool, nor one that is missing', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, { policy, seeders: [] });
  for (const other of [pool, database.pool({ options: '-c TimeZone=Asia/Tokyo' })]) {
    await expect(copyRules({ from: { pool }, to: { pool: other } })).rejects.toMatchObject({
      problems: [{ at: 'to.table', message: expect.stringContaining('is the same table') }],
    });
  }
  await expect(
    copyRules({ from: { pool, table: 'casbin_rule' }, to: { pool, table: DOCUMENT } }),
  ).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    message: expect.stringContaining('There is no rule table to copy from: '),
  });
  await expect(Reflect.apply(copyRules, null, [{ from: {}, to: { pool: 5 } }])).rejects.toMatchObject({
    problems: [{ at: 'from.pool' }, { at: 'to.pool' }],
  });
  await expect(Reflect.apply(copyRules, null, [{ from: pool, to: pool }])).rejects.toMatchObject({
    problems: [
      { at: 'from', message: 'must be an object with the pool: from: { pool }.' },
      { at: 'to', message: 'must be an object with the pool: to: { pool }.' },
    ],
  });
  await expect(Reflect.apply(copyRules, null, [])).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  await expect(
    copyRules({ from: { pool, shema: 'x' } as object as { pool: pg.Pool }, to: { pool, table: COLUMNS } }),
  ).rejects.toMatchObject({ problems: [{ code: 'OPTION_UNKNOWN', at: 'from.shema' }] });
  await expect(copyRules({ from: { pool, table: '' }, to: { pool, table: 'other' } })).rejects.toMatchObject({
    problems: [{ at: 'from.table' }],
  });
});

it.each(['from', 'to'] as const)(
  'rows that are hidden from the role are not left out: of the table to copy %s',
  async (place) => {
    const database = await createDatabase();
    const owner = database.pool();
    const role = await database.createRole();
    for (const table of ['rules_from', 'rules_to'])
      await bootstrapDatabase(owner, { policy, table, seeders: [] });
    await owner.query(`
      grant select, insert, update on all tables in schema public to ${role.name};
      alter table rules_${place} enable row level security;
      create policy permissions on rules_${place} using (ptype = 'p');
    `);
    const pool = database.pool({ connectionString: role.url });

    await expect(
      copyRules({ from: { pool, table: 'rules_from' }, to: { pool, table: 'rules_to' } }),
    ).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(`is active for role ${role.name} on public.rules_${place}, `),
    });
  },
);

it('everything that is wrong is told at once: with both places, and with what is given beside them', async () => {
  const pool = (await createDatabase()).pool();
  const options = {
    from: { pool, tabel: 'casbin_rule', schema: 'pg_temp' },
    to: { shema: 'app', table: '' },
    modle: 'model.conf',
  };
  await expect(Reflect.apply(copyRules, null, [options])).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    problems: [
      { code: 'OPTION_UNKNOWN', at: 'from.tabel' },
      { code: 'OPTION_INVALID', at: 'from.schema' },
      { code: 'OPTION_UNKNOWN', at: 'modle' },
      { code: 'OPTION_UNKNOWN', at: 'to.shema', message: expect.stringContaining('pool, schema, table') },
      { code: 'OPTION_INVALID', at: 'to.pool' },
      { code: 'OPTION_INVALID', at: 'to.table' },
    ],
  });
});

it('a pool that gives no connection to the old table is given up after a minute', async () => {
  const pool = (await createDatabase()).pool();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  let tellAsked = () => {};
  const asked = new Promise<void>((resolve) => {
    tellAsked = resolve;
  });
  const connect = () => {
    tellAsked();
    return new Promise<never>(() => {});
  };
  const copy = copyRules({ from: { pool: { connect } }, to: { pool } });
  await asked;
  vi.advanceTimersByTime(60_000);
  await expect(copy).rejects.toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringContaining('no client of the pool became free within 60000 ms'),
  });
});

it('a copy that meets another transaction is tried again', async () => {
  const pool = await createUsed(DOCUMENT);
  await bootstrapDatabase(pool, { policy, table: COLUMNS, seeders: [] });
  await pool.query(`
    create sequence tries;
    create function meet() returns trigger language plpgsql as $$
      begin
        if nextval('tries') = 1 then raise 'met another' using errcode = '40001'; end if;
        return new;
      end
    $$;
    create trigger meet before insert on casbin_rule execute function meet();`);
  const { logger, lines } = captureLog();
  const copy = copyRules({ from: { pool, table: DOCUMENT }, to: { pool, table: COLUMNS }, logger });
  expect(await copy).toMatchObject({ copied: 2, existing: 3, verification: { ok: true } });
  expect(linesOf(lines, 'conflict_retried')).toMatchObject([{ code: '40001' }]);
});

it('what the server refuses is told as an error of this library', async () => {
  const pool = await createUsed(DOCUMENT);
  await bootstrapDatabase(pool, { policy, table: COLUMNS, seeders: [] });
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'no room'; end $$;
    create trigger refuse before insert on casbin_rule execute function refuse();`);
  const copy = copyRules({ from: { pool, table: DOCUMENT }, to: { pool, table: COLUMNS } });
  await expect(copy).rejects.toMatchObject({
    code: 'DATABASE_REFUSED',
    message: expect.stringContaining('no room'),
    cause: { code: 'P0001' },
  });
});

describe('a failure is told by what is true in the database where it happened:', () => {
  async function createPlaces() {
    const [old, database] = [await createDatabase(), await createDatabase()];
    await bootstrapDatabase(old.pool(), { policy, table: DOCUMENT, seeders: [] });
    await bootstrapDatabase(database.pool(), { policy, table: DOCUMENT, seeders: [] });
    return { old, database, from: { pool: old.pool(), table: 'casbin' }, to: { pool: database.pool() } };
  }

  /** A view of the old rules that runs a statement when it is read. */
  async function createFaultyView(pool: pg.Pool, statement: string) {
    await pool.query(`
      create function fail() returns boolean language plpgsql as $$ begin ${statement}; return true; end $$;
      create view faulty as select id, ptype, rule from casbin where fail()`);
    return { pool, table: { ...DOCUMENT, name: 'faulty' } };
  }

  it('a role that may not read the old table', async () => {
    const { old, from, to } = await createPlaces();
    const role = await old.createRole();
    const pool = old.pool({ connectionString: role.url });
    await expect(copyRules({ from: { ...from, pool }, to })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      remedies: [`grant select on table public.casbin to ${role.name};`],
    });
  });

  it('a connection that was lost while the old rules were read', async () => {
    const { from, to } = await createPlaces();
    const faulty = await createFaultyView(from.pool, 'perform pg_terminate_backend(pg_backend_pid())');
    await expect(copyRules({ from: faulty, to })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      cause: { code: '57P01' },
    });
  });

  it.each(['from', 'to'] as const)('who holds a lock, of the place to copy %s', async (place) => {
    const { old, database, from, to } = await createPlaces();
    const refuse = `raise 'not granted' using errcode = '55P03'`;
    const faulty = place === 'from' ? await createFaultyView(from.pool, refuse) : from;
    if (place === 'to') {
      await old.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "clerk"]')`);
      await to.pool.query(`
        create function refuse() returns trigger language plpgsql as $$ begin ${refuse}; end $$;
        create trigger refuse before insert on casbin execute function refuse()`);
    }
    const holders = await Promise.all(
      [old, database].map((one) => one.pool({ application_name: one.name }).connect()),
    );
    // No insert waits for that lock.
    for (const holder of holders) {
      await holder.query('begin; lock table casbin in share update exclusive mode');
    }
    const copy = copyRules({ from: faulty, to });
    const { name } = place === 'from' ? old : database;
    await expect(copy).rejects.toMatchObject({ code: 'LOCK_TIMEOUT', holders: [{ applicationName: name }] });
    for (const holder of holders) {
      await holder.query('rollback');
      holder.release();
    }
  });
});
