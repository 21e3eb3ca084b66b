import { type Model, newModelFromString } from 'casbin';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { pino } from 'pino';
import { type LivePolicy, readPolicy } from '../../src/bootstrap/read-policy.ts';
import type { StoredRule } from '../../src/casbin/rule-row.ts';
import { reachableScope } from '../../src/casbin/scope.ts';
import type { AnyKysely, AnyTransaction } from '../../src/database/transaction.ts';
import {
  bootstrapDatabase,
  type PolicyDefinition,
  type Rule,
  type VerificationReport,
  type VerifyOptions,
} from '../../src/index.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { createProgressReporter } from '../../src/progress.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { holdersAmong } from '../../src/verification/drift.ts';
import { collectPromises } from '../../src/verification/promises.ts';
import { verifyPolicy } from '../../src/verification/verify.ts';
import { createDatabase } from '../support/database.ts';

const progress = createProgressReporter(pino({ level: 'silent' }), undefined);

/** What is read of a table, and the report on that. */
interface Reading {
  readonly live: readonly StoredRule[];
  readonly report: VerificationReport;
}

/** A database with an empty `casbin` table. */
export async function openDatabase(): Promise<AnyKysely> {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  await pool.query('delete from casbin');
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}

/** Stores these rules in the place of all others. */
export async function store(trx: AnyTransaction, rules: readonly Rule[]): Promise<void> {
  const rows = JSON.stringify(rules.map(({ ptype, values }) => ({ ptype, rule: values })));
  await sql`delete from casbin`.execute(trx);
  await sql`
    insert into casbin (ptype, rule)
    select * from jsonb_to_recordset(${rows}) as row (ptype text, rule jsonb)
    on conflict do nothing
  `.execute(trx);
}

/**
 * Stores rules, and verifies them as a bootstrap does that counts as large any table with more rules than are
 * defined; then as one under `full`.
 */
export async function verifyTwice(
  db: AnyKysely,
  modelText: string | Model,
  rules: readonly Rule[],
  written: PolicyDefinition,
  stored: readonly Rule[],
): Promise<{ part: Reading; whole: Reading }> {
  const model = typeof modelText === 'string' ? newModelFromString(modelText) : modelText;
  const defined = new RuleSet(rules);
  const given = { model, configureEnforcer: undefined, defined };
  const { problems, ...promises } = await collectPromises(model, defined, written, {
    ...given,
    placeOf: () => '',
  });
  if (problems.length > 0) throw new Error(`The definition is refused: ${problems[0]?.message}`);
  const valuesAt = (position: number) => promises.expectations.valuesAt(position);
  const reach = () => reachableScope(model, rules, valuesAt);
  const options = { ...given, ...promises, reach, progress, ruleTable: new DocumentTable() };
  const [part, whole] = await db.transaction().execute(async (trx) => {
    await store(trx, stored);
    const read = (verify: VerifyOptions) => readPolicy(trx, { ...options, verify }, 0);
    return [await read({}), await read({ full: true })] as const;
  });
  const reportOn = async ({ rules: live, scope }: LivePolicy) => ({
    live,
    report: await verifyPolicy({
      ...options,
      live,
      scope,
      findHolders: holdersAmong(model, live),
      strict: false,
    }),
  });
  return { part: await reportOn(part), whole: await reportOn(whole) };
}
