import { createRequire } from 'node:module';
import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import { quoteText } from '../database/catalog.ts';
import type { AnyKysely } from '../database/transaction.ts';
import { MigrationError } from '../errors.ts';
import type { Migration } from '../migrator/migration.ts';
import { reasonOf } from '../text.ts';

/** How a migration is recorded. */
export interface RecordingOptions {
  /** The rows that a query returns, since there is no database. */
  readonly answer: (question: string) => readonly object[];
  /** Whether queries of the catalog are left out. Only ours are known to call nothing that changes something. */
  readonly leavesOut: boolean;
}

/**
 * Records the statements of a migration, as {@link recordStatements}.
 *
 * @throws MigrationError for one that needs what a query returns
 */
export async function recordMigration(
  name: string,
  migration: Migration,
  recording: RecordingOptions,
): Promise<string[]> {
  try {
    return await recordStatements((db) => migration.up(db), recording);
  } catch (cause) {
    const message = `Migration "${name}" can't be written as SQL, because it fails without a database: ${reasonOf(cause)}. Make it independent of what a query returns, or run a bootstrap instead of the script.`;
    throw new MigrationError('MIGRATION_FAILED', name, message, { cause });
  }
}

/** A statement for a block, in which a plain one must not return rows. */
export function withoutResult(statement: string): string {
  return isQuery(statement) || /\breturning\b/i.test(statement)
    ? `execute ${quoteText(statement)}`
    : statement;
}

/**
 * Runs work on a Kysely without a database, and returns its statements, with their parameters written into them.
 * By default, queries return what an empty database would.
 */
export async function recordStatements(
  work: (db: AnyKysely) => Promise<void>,
  { answer, leavesOut }: RecordingOptions = { answer: () => [], leavesOut: true },
): Promise<string[]> {
  const statements: string[] = [];
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const isLeftOut = leavesOut && isQuery(query.sql) && CATALOG.test(query.sql);
      if (!isLeftOut) statements.push(writeParameters(query));
      return { rows: answer(query.sql) as R[] };
    },
    async *streamQuery() {},
  };
  class RecordingDriver extends DummyDriver {
    override async acquireConnection(): Promise<DatabaseConnection> {
      return connection;
    }
  }
  const db = new Kysely({
    dialect: {
      createDriver: () => new RecordingDriver(),
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (given) => new PostgresIntrospector(given),
    },
  });
  await work(db);
  return statements;
}

const CATALOG = /\b(pg_catalog\.pg_|current_schema\()/i;

/** A comment, with comments in it as PostgreSQL has them, up to four deep. */
const COMMENT = [1, 2, 3, 4].reduce((inner) => String.raw`\/\*(?:(?!\/\*|\*\/)[\s\S]|${inner})*\*\/`, '(?!)');

const COMMENTS = new RegExp(String.raw`^(\s+|--[^\n]*|${COMMENT})*`);

/** Whether a statement begins as a query does. It may change something all the same. */
function isQuery(sql: string): boolean {
  return /^\(*(select|with|show|values|table)\b/i.test(sql.replace(COMMENTS, ''));
}

function writeParameters({ sql, parameters }: CompiledQuery): string {
  // Before values are written into it, because a value of several lines must keep its blanks.
  const statement = unindent(sql);
  if (parameters.length === 0) return statement;
  return statement.replace(TOKEN, (token, number) =>
    number === undefined ? token : writeParameter(parameters[Number(number) - 1]),
  );
}

/** A parameter; or a name, a text or a comment, in which `$1` and quotes mean nothing. */
const TOKEN = new RegExp(
  String.raw`\$(\d+)|"(?:[^"]|"")*"|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\2\$|--[^\n]*|${COMMENT}`,
  'g',
);

/**
 * A value as pg sends it, by pg's own conversion, which its types do not have. In quotes whatever it is: the server
 * then finds out its type as it does for a parameter.
 */
function writeParameter(value: unknown): string {
  const { prepareValue }: { prepareValue(value: unknown): string | Buffer | null } = createRequire(
    import.meta.url,
  )('pg/lib/utils.js');
  const sent = prepareValue(value);
  if (sent === null) return 'null';
  return quoteText(Buffer.isBuffer(sent) ? `\\x${sent.toString('hex')}` : sent);
}

/** Whether a text in a statement has several lines, whose blanks belong to it. */
export function holdsLines(statement: string): boolean {
  return [...statement.matchAll(TOKEN)].some(([token]) => /^e?'/i.test(token) && token.includes('\n'));
}

/** Removes the indentation that statements have in the code. */
function unindent(sql: string): string {
  if (holdsLines(sql)) return sql.trim();
  const lines = sql.replace(/^\s*\n|\s+$/g, '').split('\n');
  const indents = lines.flatMap((line) => /^( *)\S/.exec(line)?.[1]?.length ?? []);
  const least = Math.min(...indents);
  return lines.map((line) => line.slice(Number.isFinite(least) ? least : 0).trimEnd()).join('\n');
}
