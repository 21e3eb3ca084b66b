import { type Enforcer, newEnforcer } from 'casbin';
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import { defaultModelPath } from '../../src/index.ts';

const CREATE_TABLE = `
  create table casbin (id serial, ptype text not null, rule jsonb not null);
  create index idx_casbin_ptype on casbin (ptype);
`;

/**
 * Opens the stock adapter with its defaults, so that it migrates, and closes it afterwards: the lock that it
 * migrates under stays with its connection, and keeps the next one out.
 */
async function withStockAdapter<T>(
  connectionString: string,
  work: (adapter: PostgresAdapter) => Promise<T>,
): Promise<T> {
  const adapter = await PostgresAdapter.newAdapter({ connectionString });
  try {
    return await work(adapter);
  } finally {
    await adapter.close();
  }
}

/** As an application without this library has it. */
export function withStockEnforcer<T>(
  connectionString: string,
  work: (enforcer: Enforcer) => Promise<T>,
): Promise<T> {
  return withStockAdapter(connectionString, async (adapter) =>
    work(await newEnforcer(defaultModelPath, adapter)),
  );
}

/** Lets the stock adapter migrate. */
export async function migrateByStockAdapter(connectionString: string): Promise<void> {
  await withStockAdapter(connectionString, async () => {});
}

/** What the first of the stock adapter's migrations leaves, and its record of it. */
export const HALF_MIGRATED = `
  ${CREATE_TABLE}
  create table casbin_migrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
  insert into casbin_migrations (name, run_on) values ('1587132340023_initial', now());
`;

/** A casbin table that somebody made by hand: no constraint at all. */
export const UNCONSTRAINED = CREATE_TABLE;
