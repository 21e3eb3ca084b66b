import { sql } from 'kysely';
import { foundSchemaExpression, homeSchemaExpression } from '../database/catalog.ts';
import { asClient } from '../database/own-queries.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { DatabaseError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';

/** Which schemas a bootstrap works in. */
export interface Schemas {
  /**
   * The schema of the tables, which may have to be created: where an unqualified name finds them on this connection.
   */
  readonly schema: string;
  /** Where the application's own Migrator has its table; the same, unless it was run on another search_path. */
  readonly applicationSchema: string;
}

/** Finds the schemas: the one of the option, else those that the connection's search_path leads to. */
export async function resolveSchemas(
  trx: AnyTransaction,
  {
    schema: option,
    applicationList,
    table,
    engine,
  }: Pick<ResolvedOptions, 'schema' | 'applicationList' | 'table' | 'engine'>,
): Promise<Schemas> {
  // The other tables are in the same schema as the rule table. One that is missing has none.
  const home = option ?? (await findRuleTable(asClient(trx), undefined, table, engine)).table.schema;
  const { rows } = await sql<{ schema: string | null; application: string | null }>`
    select
      ${homeSchemaExpression(home, table.name)} as schema,
      coalesce(${option ?? null}::text, ${foundSchemaExpression(applicationList.tableName)}) as application
  `.execute(trx);
  const schema = rows[0]?.schema;
  if (schema) return { schema, applicationSchema: rows[0]?.application ?? schema };
  throw new DatabaseError(
    'SCHEMA_MISSING',
    'No schema on the search_path of this connection exists, apart from those of PostgreSQL itself. Create one, or name one by the schema option.',
  );
}
