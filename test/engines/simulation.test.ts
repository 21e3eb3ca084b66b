import { describe, expect, test } from 'vitest';
import { SIMULATED, simulate } from './engines.fixture.ts';

// What the other tests of engines rely on: that a simulated one does what PostgreSQL does not.
describe.each(SIMULATED)('the simulated %s', (name) => {
  test('has no advisory locks, no locks of tables, and says its name', async () => {
    await using simulation = await simulate(name);
    const { pool, engine } = simulation;
    await expect(pool.query('select pg_advisory_xact_lock(1)')).rejects.toMatchObject({ code: '42883' });
    await expect(pool.query('select pg_advisory_xact_lock($1)', [1])).rejects.toMatchObject({
      code: '42883',
    });
    await expect(pool.query('lock table x in share mode')).rejects.toMatchObject({ code: '0A000' });
    expect(engine.refusals).toHaveLength(3);
    const { rows } = await pool.query('select version() as version, $1::int as given', [1]);
    expect(rows[0].given).toBe(1);
    if (name !== 'aurora-dsql') expect(rows[0].version).toMatch(/CockroachDB|-YB-/);
  });

  test('aborts a transaction in which it refuses something', async () => {
    await using simulation = await simulate(name);
    const client = await simulation.pool.connect();
    await client.query('begin');
    await expect(client.query('select pg_advisory_xact_lock($1)', [1])).rejects.toMatchObject({
      code: '42883',
    });
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('rollback');
    client.release();
  });

  test('does not undo a table with its transaction, or does not make it in one with others', async () => {
    await using simulation = await simulate(name);
    const client = await simulation.pool.connect();
    await client.query('begin isolation level repeatable read read write');
    await client.query('create table made (id integer)');
    const next = await client.query('insert into made values (1)').catch((error: unknown) => error);
    await client.query('rollback');
    const { rows } = await client.query(`select to_regclass('made') is not null as made`);
    if (name === 'aurora-dsql') expect([next, rows[0].made]).toMatchObject([{ code: '0A000' }, false]);
    else expect(rows[0].made).toBe(true);
    client.release();
  });

  test('refuses the given number of commits, and undoes them', async () => {
    await using simulation = await simulate(name);
    const { pool, engine } = simulation;
    await pool.query('create table made (id integer)');
    engine.failCommits(1);
    const client = await pool.connect();
    const insert = async () => {
      await client.query('begin isolation level repeatable read read write');
      await client.query('insert into made values (1)');
      await client.query('commit');
    };
    await expect(insert()).rejects.toMatchObject({ code: '40001' });
    await insert();
    expect((await client.query('select count(*)::int as rows from made')).rows).toEqual([{ rows: 1 }]);
    client.release();
  });
});

test('the simulated Aurora DSQL takes 3,000 rows in a transaction', async () => {
  await using simulation = await simulate('aurora-dsql');
  const client = await simulation.pool.connect();
  await client.query('create table made (id integer)');
  const insert = async (rows: number) => {
    await client.query('begin isolation level repeatable read read write');
    await client.query('insert into made select generate_series(1, $1)', [rows]);
    await client.query('commit');
  };
  await insert(3_000);
  await expect(insert(3_001)).rejects.toMatchObject({ code: '54000' });
  await insert(1);
  expect((await client.query('select count(*)::int as rows from made')).rows).toEqual([{ rows: 3_001 }]);
  client.release();
});
