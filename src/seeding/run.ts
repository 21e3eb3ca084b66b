import type { SeederReport } from '../bootstrap-report.ts';
import { asClient } from '../database/own-queries.ts';
import { requireSameTransaction, StepFailure } from '../database/step-failure.ts';
import type { ProgressReporter, ReportDone } from '../progress.ts';
import { type CasbinAdapter, createAdapterOf } from '../tables/adapter.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import type { InsertedRows } from './inserted-rows.ts';
import type { RunnableSeeder, SeederContext, SeederLog, SeederResult } from './seeder.ts';

/**
 * Runs the seeders one after the other, in the order given.
 *
 * @param enter called with the name of each seeder before it runs
 * @param inserted collects the rows that seeders other than the policy's insert; null if nobody asks for them
 * @throws StepFailure naming the seeder that threw, or that ended or aborted the transaction
 */
export async function runSeeders(
  seeders: readonly RunnableSeeder[],
  context: SharedContext,
  progress: ProgressReporter,
  enter: (seeder: string) => void,
  inserted: InsertedRows | null,
): Promise<SeederReport[]> {
  const { logger } = context;
  logger.info({ event: 'seeding_started', seeders: seeders.map(({ name }) => name) }, 'Seeding started');
  const reports: SeederReport[] = [];
  for (const seeder of seeders) {
    const started = performance.now();
    enter(seeder.name);
    const run = () => runSeeder(seeder, context, progress);
    const isWatched = inserted !== null && !seeder.isPolicy;
    const result = await (isWatched ? inserted.watch(seeder.name, context.db, run) : run());
    reports.push(report(seeder, result, started, context));
  }
  logCompletion(reports, context);
  return reports;
}

/** The report about seeders that had nothing to do. */
export function reportSeeded(seeders: readonly RunnableSeeder[], log: SeederLog): SeederReport[] {
  log.logger.info({ event: 'seeding_started', seeders: seeders.map(({ name }) => name) }, 'Seeding started');
  const reports = seeders.map((seeder) => {
    const started = performance.now();
    seeder.logExisting?.(log);
    return report(seeder, { inserted: 0, existing: seeder.total ?? 0 }, started, log);
  });
  logCompletion(reports, log);
  return reports;
}

/**
 * Runs one seeder.
 *
 * @throws StepFailure as {@link runSeeders}
 */
export async function runSeeder(
  seeder: RunnableSeeder,
  context: SharedContext,
  progress: ProgressReporter,
): Promise<SeederResult> {
  try {
    // A seeder gives the total with each call.
    const report = progress.start('seed', 0, seeder.name);
    const result = await seeder.seed(bindContext(context, report));
    await requireSameTransaction(context.db);
    return requireCounts(result);
  } catch (error) {
    throw new StepFailure({ kind: 'seeder', name: seeder.name }, error);
  }
}

/** Checks the counts. In JavaScript, a seeder may forget to return them. */
function requireCounts(result: SeederResult | undefined): SeederResult {
  const counts = [result?.inserted, result?.existing];
  if (result !== undefined && counts.every((count) => Number.isInteger(count) && Number(count) >= 0))
    return result;
  throw new TypeError('its seed must return { inserted, existing }, two numbers of rows');
}

function report(
  { name, logName = name }: RunnableSeeder,
  { inserted, existing }: SeederResult,
  started: number,
  { logger, dryRun }: SeederLog,
): SeederReport {
  const total = inserted + existing;
  const durationMs = performance.now() - started;
  logger.info(
    { event: `${logName}_seeding_complete`, seeded: inserted, skipped: existing, total },
    dryRun ? 'Seeder would be complete' : 'Seeder complete',
  );
  return { name, inserted, existing, total, durationMs };
}

function logCompletion(reports: readonly SeederReport[], { logger, dryRun }: SeederLog): void {
  const seeded = reports.reduce((sum, { inserted }) => sum + inserted, 0);
  const skipped = reports.reduce((sum, { existing }) => sum + existing, 0);
  logger.info(
    { event: 'seeding_completed', seeded, skipped, total: seeded + skipped },
    dryRun ? 'Seeding would be completed' : 'Seeding completed',
  );
}

/** What all seeders of one transaction share. */
export type SharedContext = Omit<SeederContext, 'progress'>;

/**
 * The context of a transaction. Its adapter is made when a seeder uses it: loading it takes longer than all the rest of
 * a start with nothing to do.
 */
export function shareContext({
  db,
  logger,
  schema,
  firstRun,
  dryRun,
  ruleTable,
}: Omit<SharedContext, 'adapter'> & { readonly ruleTable: RuleTable }): SharedContext {
  let adapter: CasbinAdapter | undefined;
  return {
    db,
    logger,
    schema,
    firstRun,
    dryRun,
    get adapter() {
      adapter ??= createAdapterOf(asClient(db), ruleTable);
      return adapter;
    },
  };
}

/** The context of one seeder, which reports progress under its own name. */
export function bindContext(shared: SharedContext, progress: ReportDone): SeederContext {
  const { db, logger, schema, firstRun, dryRun } = shared;
  return {
    db: db.withoutPlugins(),
    logger,
    schema,
    firstRun,
    dryRun,
    progress,
    get adapter() {
      return shared.adapter;
    },
  };
}
