import { sql } from 'kysely';
import { readPolicy } from '../bootstrap/read-policy.ts';
import { withRenamed } from '../bootstrap/retire.ts';
import { findNewestVersion, isSettled } from '../bootstrap/settle-ownership.ts';
import { bootstrapResolved } from '../bootstrap.ts';
import type { BootstrapReport } from '../bootstrap-report.ts';
import type { PoolLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { withSession } from '../database/session.ts';
import { inReadOnlyTransaction } from '../database/transaction.ts';
import { replaceOptions, resolveOptions } from '../options/resolve.ts';
import type { BootstrapOptions } from '../options.ts';
import { type Rule, toLine, toRule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { type InsertedRow, InsertedRows } from '../seeding/inserted-rows.ts';
import { type Inspected, inspectDatabase } from './inspect-database.ts';

/** What a bootstrap would do. */
export interface BootstrapPlan extends BootstrapReport {
  /** The schema that would be created, of the option `schema`; null for none. */
  readonly newSchema: string | null;
  /** The defined rules that are not stored and would be inserted, ptype first. */
  readonly rules: readonly (readonly string[])[];
  /**
   * The rows that seeders would insert, also into the rule table: at most 1,000 of each table and seeder. None of a
   * table that is larger than 64 MB or that the role may not read, nor on a server that is not PostgreSQL itself. If a
   * seeder updates rows of a table too, only those whose primary key is not there yet, and none without a primary key.
   */
  readonly rows: readonly InsertedRow[];
}

/**
 * Finds out what a bootstrap with these options would do: a schema, migrations, rules, rows of seeders, and how the
 * policy would decide afterwards. It does everything in a transaction that is rolled back, so it needs the privileges
 * of a bootstrap and waits for others, and it fails if the bootstrap would fail.
 *
 * @throws as bootstrapDatabase
 */
export async function planBootstrap(pool: PoolLike, options: BootstrapOptions = {}): Promise<BootstrapPlan> {
  const started = performance.now();
  const resolved = await resolveOptions(pool, replaceOptions(options, { dryRun: true }));
  const missing = await inspectDatabase(pool, resolved, 'the look at the rules', async (inspected) => ({
    rules: await findMissingRules(inspected),
    newSchema: await findMissingSchema(inspected),
  }));
  const insertedRows = new InsertedRows();
  const report = await bootstrapResolved(pool, { ...resolved, insertedRows });
  const rows = await insertedRows.find((query) =>
    withSession(pool, (session) => inReadOnlyTransaction(createKysely(session, resolved), query), resolved),
  );
  // Which rules stay away is known when roles have their new names.
  const keptAway = report.verification.keptAway.map(({ rule }) => toRule(rule));
  const rules = new RuleSet(missing.rules).without(keptAway).map(toLine);
  return { ...report, ...missing, rules, rows, durationMs: performance.now() - started };
}

async function findMissingRules({ trx, options, isMissing }: Inspected): Promise<readonly Rule[]> {
  if (isMissing) return options.defined.rules;
  const live = await readPolicy(trx, options);
  const newest = await findNewestVersion(trx, options);
  const { defined, ownership } = options;
  const isSettledBefore = ownership === null || isSettled(ownership, newest);
  return defined.without(isSettledBefore ? live.rules : withRenamed(live.rules, ownership));
}

async function findMissingSchema({ trx, options: { schema } }: Inspected): Promise<string | null> {
  if (schema === undefined) return null;
  const { rows } = await sql`select from pg_catalog.pg_namespace where nspname = ${schema}`.execute(trx);
  return rows.length === 0 ? schema : null;
}
