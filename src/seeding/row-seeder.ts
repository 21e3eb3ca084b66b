import { OWN_QUERIES } from '../database/own-queries.ts';
import { LookAbandoned } from '../database/step-failure.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Problem } from '../errors.ts';
import { isLevelEnabled } from '../logger.ts';
import type { Migrations } from '../migrator/migration.ts';
import { checkRows } from './check-rows.ts';
import { insertOrExplain, isRefusal, refuseAbsent } from './refused-rows.ts';
import { findAbsent, insertMissing, insertUnseen, selectMissing, type Target } from './row-queries.ts';
import { type Group, groupByColumns, groupInOrder, pickKey, type Row } from './rows.ts';
import type { RunnableSeeder, Seeder, SeederLog, SeederResult } from './seeder.ts';
import { advanceSequence, explainLook, requireTarget, type TargetTable } from './target-table.ts';

/** How many rows one statement inserts. */
const BATCH_SIZE = 25_000;

/** How many rows the one message of a look may have. */
const FEW_ROWS = 10_000;

/** Rows that must be there, and the columns that identify them. */
export interface RowSeederOptions<R extends object> {
  /** The seeder's name, unique within a bootstrap. */
  readonly name: string;
  /** The table to fill, in the schema of the bootstrap. */
  readonly table: string;
  /** The columns that identify a row. The table needs a unique constraint on exactly these. */
  readonly key: (keyof R & string) | readonly (keyof R & string)[];
  /** Values, not SQL expressions. A column that a row leaves out gets its default. */
  readonly rows: readonly R[];
  /** The migrations that make the table, if it belongs to this seeder. */
  readonly migrations?: Migrations | undefined;
  /** What its log events begin with. Default: the name. */
  readonly logName?: string | undefined;
}

const OPTIONS = ['name', 'table', 'key', 'rows', 'migrations', 'logName'];

/**
 * A seeder of reference data, default settings, lookup values or required single rows: it inserts the rows whose
 * key is not in the table, and leaves the others exactly as they are.
 *
 * Values take the type of their column, so an object fits a jsonb column and a list an array column. If rows give
 * values to a column with a sequence, the sequence is set past them. It logs `<logName>_seeded` for each inserted row,
 * and `<logName>_exists` (debug) for each other row.
 *
 * It never throws: the bootstrap reports its problems, together with all others.
 *
 * @example
 * rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows: [{ id: 1, currency: 'EUR' }] })
 */
export function rowSeeder<R extends object>(given: RowSeederOptions<R>): Seeder {
  const options: RowSeederOptions<R> = Object(given);
  const { name, table, migrations, logName = name } = options;
  // The type of a row may be an interface of the application, which has no index signature.
  const rows = options.rows as readonly Row[];
  const key: readonly string[] = typeof options.key === 'string' ? [options.key] : options.key;
  const seeder: RunnableSeeder = {
    name,
    logName,
    table,
    total: Array.isArray(rows) ? rows.length : 0,
    ...(migrations === undefined ? {} : { migrations }),
    check: (): readonly Problem[] => [...findOptionProblems(options), ...checkRows(rows, key)],
    // Not every engine has rows as values, nor domains.
    selectMissing: ({ commitsDdl }) =>
      rows.length > FEW_ROWS ? null : selectMissing(table, key, rows, commitsDdl ? 'null' : 'stored'),
    async isSeeded(context) {
      const db = context.db.withPlugin(OWN_QUERIES);
      try {
        let done = 0;
        for (const batch of inBatches(rows)) {
          const { rows: missing } = await selectMissing(table, key, batch, 'null').execute(db);
          if (missing.length > 0) return false;
          done += batch.length;
          context.progress(done, rows.length);
        }
      } catch (error) {
        // If a column can't have the value of a key, that key is not in the table.
        if (isRefusal(error)) throw new LookAbandoned('a key can not be read', { cause: error });
        throw explainLook(name, table, key, error);
      }
      return true;
    },
    portion: (start, end) => rowSeeder({ ...options, rows: options.rows.slice(start, end) }),
    async insertUnseen(db) {
      for (const groups of groupInOrder(rows)) {
        for (const statement of insertUnseen(table, key, groups)) await statement.execute(db);
      }
    },
    logExisting(log) {
      logRows(log, logName, key, rows, new Set());
    },
    async seed(context): Promise<SeederResult> {
      if (rows.length === 0) return { inserted: 0, existing: 0 };
      const allColumns = new Set(groupByColumns(rows).flatMap(({ columns }) => columns));
      const db = context.db.withPlugin(OWN_QUERIES);
      const target = await requireTarget(db, name, table, key, [...allColumns]);
      const into = { ...target, table, key };
      const { inserted, uncertain } = await insertOrExplain(db, target, rows, (some) =>
        insertBatches(db, into, some, (done) => {
          if (some === rows) context.progress(done, rows.length);
        }),
      );
      const absent = new Set<Row>();
      for (const batch of inBatches(uncertain)) {
        for (const row of await findAbsent(db, into, batch)) absent.add(row);
      }
      if (absent.size > 0) throw refuseAbsent(target, rows, absent);
      const given = target.columns.filter(({ name }) => allColumns.has(name));
      for (const { name: column, sequence } of inserted.size > 0 && !context.dryRun ? given : []) {
        if (sequence !== null)
          await advanceSequence({ db, logger: context.logger }, { table, column, sequence });
      }
      logRows(context, logName, key, rows, inserted);
      return { inserted: inserted.size, existing: rows.length - inserted.size };
    },
  };
  return seeder;
}

interface InsertedBatches {
  readonly inserted: ReadonlySet<Row>;
  /** Rows that may not be in the table now: a trigger may leave a row out, or change its key. */
  readonly uncertain: readonly Row[];
}

async function insertBatches(
  db: AnyTransaction,
  into: Target & Pick<TargetTable, 'hasTriggers' | 'refersToItself'>,
  rows: readonly Row[],
  report: (done: number) => void,
): Promise<InsertedBatches> {
  const inserted = new Set<Row>();
  const uncertain: Row[] = [];
  let done = 0;
  for (const groups of into.refersToItself ? batchesInOrder(rows) : batchesOfGroups(rows)) {
    const { rows: added, isComplete } = await insertMissing(db, into, groups);
    for (const row of added) inserted.add(row);
    for (const { rows: given } of groups) {
      if (!isComplete || into.hasTriggers) uncertain.push(...given);
      done += given.length;
    }
    report(done);
  }
  return { inserted, uncertain };
}

function* batchesOfGroups(rows: readonly Row[]): Generator<readonly Group[]> {
  for (const { columns, rows: all } of groupByColumns(rows)) {
    for (const batch of inBatches(all)) yield [{ columns, rows: batch }];
  }
}

/** A row may refer to one before it, which then has to be in the same statement, or in one before it. */
function* batchesInOrder(rows: readonly Row[]): Generator<readonly Group[]> {
  for (const batch of inBatches(rows)) yield* groupInOrder(batch);
}

function findOptionProblems(options: object): Problem[] {
  const table = Reflect.get(options, 'table');
  const unknown = Object.keys(options).filter((option) => !OPTIONS.includes(option));
  const untabled: Problem = { code: 'OPTION_INVALID', at: 'table', message: 'must be the name of a table.' };
  return [
    ...unknown.map(
      (at): Problem => ({
        code: 'OPTION_UNKNOWN',
        at,
        message: `there is no such option. Known are ${OPTIONS.join(', ')}.`,
      }),
    ),
    ...(typeof table === 'string' && table !== '' ? [] : [untabled]),
  ];
}

function* inBatches(rows: readonly Row[]): Generator<Row[]> {
  for (let start = 0; start < rows.length; start += BATCH_SIZE) yield rows.slice(start, start + BATCH_SIZE);
}

function logRows(
  { logger, dryRun }: SeederLog,
  logName: string,
  key: readonly string[],
  rows: readonly Row[],
  inserted: ReadonlySet<Row>,
): void {
  const levels = { seeded: isLevelEnabled(logger, 'info'), exists: isLevelEnabled(logger, 'debug') };
  if (!levels.seeded && !levels.exists) return;
  const message = dryRun ? 'Would insert the row' : 'Row inserted';
  for (const row of rows) {
    const bindings = pickKey(row, key);
    if (inserted.has(row)) logger.info({ event: `${logName}_seeded`, ...bindings }, message);
    else logger.debug({ event: `${logName}_exists`, ...bindings }, 'Row exists');
  }
}
