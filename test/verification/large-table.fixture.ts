import { type Model, newModelFromString } from 'casbin';
import { Kysely, PostgresDialect } from 'kysely';
import { pino } from 'pino';
import { type LivePolicy, readScope } from '../../src/bootstrap/read-policy.ts';
import type { StoredRule } from '../../src/casbin/rule-row.ts';
import { reachableScope, WHOLE } from '../../src/casbin/scope.ts';
import { asClient } from '../../src/database/own-queries.ts';
import type { AnyKysely, AnyTransaction } from '../../src/database/transaction.ts';
import type { PolicyDefinition, Rule, VerificationReport } from '../../src/index.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { createProgressReporter } from '../../src/progress.ts';
import { findRuleTable } from '../../src/tables/find-rule-table.ts';
import { withoutRepetitions, writeRules } from '../../src/tables/insert.ts';
import type { RuleTable } from '../../src/tables/rule-table.ts';
import { holdersAmong } from '../../src/verification/drift.ts';
import { collectPromises } from '../../src/verification/promises.ts';
import { verifyPolicy } from '../../src/verification/verify-policy.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS, type LayoutFixture } from '../tables/layouts.fixture.ts';
import { STOCK_TABLE } from './verify.fixture.ts';

const progress = createProgressReporter(pino({ level: 'silent' }), undefined);

/** What is read of a table, and the report on that. */
interface Reading {
  readonly live: readonly StoredRule[];
  readonly report: VerificationReport;
}

/** A database with an empty rule table, and what a look at that finds. */
export async function openDatabase(layout: LayoutFixture = LAYOUTS[0]): Promise<[AnyKysely, RuleTable]> {
  const pool = (await createDatabase()).pool();
  await layout.create(pool);
  const { table } = await findRuleTable(pool, undefined, { name: layout.table });
  return [new Kysely({ dialect: new PostgresDialect({ pool }) }), table];
}

/** Stores these rules in the place of all others, as far as the table can hold them. */
export async function store(trx: AnyTransaction, table: RuleTable, rules: readonly Rule[]): Promise<void> {
  const kept = rules.filter((rule) => table.findUnfit([rule]).length === 0);
  const client = asClient(trx);
  await client.query(`delete from ${table.sql}`);
  await writeRules(client, table, withoutRepetitions(kept));
}

/**
 * Stores rules, and verifies them as a bootstrap does for a large table, if there are more than are defined; then as
 * one under `full`.
 */
export async function verifyTwice(
  db: AnyKysely,
  ruleTable: RuleTable,
  modelText: string | Model,
  rules: readonly Rule[],
  written: PolicyDefinition,
  stored: readonly Rule[],
): Promise<{ part: Reading; whole: Reading }> {
  const model = typeof modelText === 'string' ? newModelFromString(modelText) : modelText;
  const defined = new RuleSet(rules);
  const given = { model, configureEnforcer: undefined, defined };
  const promises = await collectPromises(model, defined, written, {
    ...given,
  });
  const [problem] = promises.problems;
  if (problem !== undefined) throw new Error(`The definition is refused: ${problem.message}`);
  const reach = () => reachableScope(model, rules, promises.valuesAt);
  const options = { ...given, ...promises, promises: { reach }, progress, ruleTable };
  const [part, whole] = await db.transaction().execute(async (trx) => {
    await store(trx, ruleTable, stored);
    const whole = await readScope(trx, WHOLE, { ...options, verify: { full: true } });
    const isLarge = whole.rules.length > rules.length;
    return [isLarge ? await readScope(trx, reach(), { ...options, verify: {} }) : whole, whole] as const;
  });
  const reportOn = async ({ rules: live, scope }: LivePolicy) => ({
    live,
    report: await verifyPolicy({
      ...options,
      live,
      scope,
      reach,
      findHolders: holdersAmong(model, live),
      strict: false,
      ruleTable: STOCK_TABLE,
    }),
  });
  return { part: await reportOn(part), whole: await reportOn(whole) };
}
