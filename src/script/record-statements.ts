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

/** The rows that a query of a migration returns, since there is no database. */
export type AnswerQuestion = (question: string) => readonly object[];

/**
 * Runs work on a Kysely without a database, and returns the statements that change something, with their parameters
 * written into them. Queries return what an empty database would, except for `answer`.
 */
export async function recordStatements(
  work: (db: AnyKysely) => Promise<void>,
  answer: AnswerQuestion = () => [],
): Promise<string[]> {
  const statements: string[] = [];
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      if (isQuestion(query.sql)) return { rows: answer(query.sql) as R[] };
      statements.push(inline(query));
      return { rows: [] };
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

function isQuestion(sql: string): boolean {
  return /^\s*(select|with|show)\b/i.test(sql);
}

function inline({ sql, parameters }: CompiledQuery): string {
  // Before values are written into it, because a value of several lines must keep its blanks.
  const statement = unindent(sql);
  if (parameters.length === 0) return statement;
  return statement.replace(PARAMETER, (part, number) =>
    number === undefined ? part : write(parameters[Number(number) - 1]),
  );
}

/** Or a name or a text, in which `$1` means nothing. */
const PARAMETER = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g;

function write(parameter: unknown): string {
  if (parameter === null || parameter === undefined) return 'null';
  if (Array.isArray(parameter)) return `array[${parameter.map((one) => quoteText(String(one))).join(', ')}]`;
  if (typeof parameter === 'number' || typeof parameter === 'boolean') return String(parameter);
  return quoteText(String(parameter));
}

/** Removes the indentation that statements have in the code. */
function unindent(sql: string): string {
  const lines = sql.replace(/^\s*\n|\s+$/g, '').split('\n');
  const indents = lines.flatMap((line) => /^( *)\S/.exec(line)?.[1]?.length ?? []);
  const least = Math.min(...indents);
  return lines.map((line) => line.slice(Number.isFinite(least) ? least : 0).trimEnd()).join('\n');
}
