import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  sql,
} from 'kysely';
import { quoteTable } from './catalog.ts';
import { LocklessAdapter } from './dialect.ts';
import type { Engine } from './engine.ts';
import { OWN_QUERIES } from './own-queries.ts';
import { NestedTransactionRefused } from './refused-statement.ts';
import { type AnyKysely, inWriteTransaction, setSearchPath } from './transaction.ts';

/** A step was committed, but what it should have made is not there. */
class StepUndone extends Error {}

/**
 * A Kysely that commits each statement by itself, with the schema first on the search_path, for an engine on which
 * creating a table commits. After a table or an index was created by a builder of Kysely, it checks that it exists.
 *
 * Migrations on it can't open a transaction either: they would not know what a rollback undoes.
 *
 * @param db what the transactions are opened on
 */
export function createStepwise(db: AnyKysely, engine: Engine, schema: string): AnyKysely {
  const steps = new Steps(db, engine, schema);
  return new Kysely({
    dialect: {
      createDriver: () => new StepwiseDriver(steps),
      createAdapter: () => new LocklessAdapter(engine),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (own) => new PostgresIntrospector(own.withPlugin(OWN_QUERIES)),
    },
    plugins: [OWN_QUERIES],
  });
}

class StepwiseDriver implements Driver {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  async init(): Promise<void> {}
  async destroy(): Promise<void> {}
  async releaseConnection(): Promise<void> {}
  async commitTransaction(): Promise<void> {}
  async rollbackTransaction(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#steps;
  }

  async beginTransaction(): Promise<void> {
    throw new NestedTransactionRefused('a transaction around several steps was refused');
  }
}

const CREATE_INDEX = /^\s*create\s+(unique\s+)?index\s+(?!async\b)/i;

class Steps implements DatabaseConnection {
  readonly #db: AnyKysely;
  readonly #engine: Engine;
  readonly #schema: string;

  constructor(db: AnyKysely, engine: Engine, schema: string) {
    this.#db = db;
    this.#engine = engine;
    this.#schema = schema;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const isIndex = this.#engine.makesIndexesLater && CREATE_INDEX.test(query.sql);
    const text = isIndex ? query.sql.replace(CREATE_INDEX, 'create $1index async ') : query.sql;
    const result = await this.#commit<R>({ ...query, sql: text });
    if (isIndex) await this.#waitForIndex(result.rows[0]);
    const made = nameOf(query);
    if (made !== null) await this.#requireThere(made);
    return result;
  }

  #commit<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (!this.#engine.hasSettings) return this.#commitAlone(query);
    return inWriteTransaction(this.#db, async (trx) => {
      // It is on since CockroachDB 25.1, and the search_path would end with the transaction.
      await sql`select set_config(name, 'off', true) from pg_catalog.pg_settings where name = 'autocommit_before_ddl'`.execute(
        trx,
      );
      await setSearchPath(trx, this.#schema);
      return trx.executeQuery<R>(query as CompiledQuery<R>);
    });
  }

  /**
   * For an engine on which a statement that makes a table must be alone in its transaction: sets the search_path for
   * the session.
   */
  async #commitAlone<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const before = await sql<{ path: string }>`select current_setting('search_path') as path`.execute(
      this.#db,
    );
    const setPath = (path: string) => sql`select set_config('search_path', ${path}, false)`.execute(this.#db);
    const given = before.rows[0]?.path ?? '';
    await setPath(`${quoteTable(this.#schema)}, ${given}`);
    try {
      return await this.#db.executeQuery<R>(query as CompiledQuery<R>);
    } finally {
      await setPath(given);
    }
  }

  /** An index that is there already has no job. */
  async #waitForIndex(row: unknown): Promise<void> {
    const job: unknown = Reflect.get(Object(row), 'job_id');
    if (typeof job !== 'string') return;
    const { rows } = await this.#commit<{ done: unknown }>(
      sql`select sys.wait_for_job(${job})::text as done`.compile(this.#db),
    );
    if (/^f/.test(String(rows[0]?.done))) throw new StepUndone(`the job ${job} that makes an index failed`);
  }

  async #requireThere(name: string): Promise<void> {
    const { rows } = await this.#commit<{ oid: unknown }>(
      sql`select to_regclass(${quoteTable(name)}) as oid`.compile(this.#db),
    );
    if (rows[0]?.oid === null) throw new StepUndone(`"${name}" was made, but is not there`);
  }

  // biome-ignore lint/correctness/useYield: the interface asks for it, and a single client can't stream
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Streaming is not available inside a bootstrap.');
  }
}

/** The name of the table or index that a builder's query makes; null for any other query. */
function nameOf({ query }: CompiledQuery): string | null {
  if (query.kind === 'CreateTableNode') return query.table.table.identifier.name;
  return query.kind === 'CreateIndexNode' ? query.name.name : null;
}
