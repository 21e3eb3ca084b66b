import type pg from 'pg';
import type { BootstrapOptions } from '../../src/index.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Engine, openEngine, type SimulatedEngine } from '../support/engine.ts';

export const SIMULATED: readonly SimulatedEngine[] = ['cockroachdb', 'yugabytedb', 'aurora-dsql'];

/** An empty database behind a simulated engine. */
export interface Simulation extends AsyncDisposable {
  readonly engine: Engine;
  readonly database: TestDatabase;
  /** Through the engine. */
  readonly pool: pg.Pool;
  /** Names the engine, so that nothing has to be refused to find it out. */
  readonly options: BootstrapOptions;
}

export async function simulate(name: SimulatedEngine): Promise<Simulation> {
  const database = await createDatabase();
  if (name === 'aurora-dsql') await makeJobs(database);
  const engine = await openEngine(database.url, name);
  const pool = database.pool({ connectionString: engine.url, max: 1 });
  const options = { engine: name };
  const close = () => pool.end().then(() => engine[Symbol.asyncDispose]());
  return { engine, database, pool, options, [Symbol.asyncDispose]: close };
}

/** What Aurora DSQL is recognised by, and waits for an index by. */
async function makeJobs(database: TestDatabase): Promise<void> {
  await database.pool().query(`
    create schema sys;
    create table sys.jobs ();
    create table sys.waited (job text);
    create function sys.wait_for_job(job text) returns boolean language sql as
      'insert into sys.waited values (job); select true';
  `);
}

/** Everything in the tables, whoever asks. */
export async function readAll(database: TestDatabase): Promise<Record<string, unknown>> {
  const { rows } = await database.pool().query(`
    select
      (select count(*)::int from casbin_rule) as rules,
      (select count(distinct (ptype, v0, v1, v2))::int from casbin_rule) as distinct,
      (select count(*)::int from providers) as providers,
      (select array_agg(name order by name) from casbin_bootstrap_migration) as migrations,
      (select count(holder)::int from casbin_bootstrap_lock) as holders
  `);
  return rows[0];
}

export const COMPLETE = {
  rules: 16,
  distinct: 16,
  providers: 3,
  migrations: ['0001_casbin_rule', '0002_providers'],
  holders: 0,
};
