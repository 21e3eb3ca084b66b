import { DatabaseError, InvalidOptionsError } from '../errors.ts';
import type { ClientLike } from './client.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';

/** The error for the option on another server. */
export function notCitus(): InvalidOptionsError {
  const message =
    'is citus, but this database does not have Citus. Leave the option out, as the server itself says what it is, or install it: create extension citus;';
  return new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'engine', message }]);
}

/**
 * Where Citus keeps a table: on the node that made it; whole on every node; whole on one node, with the other tables of
 * a distributed schema; or in parts, by the value of a column.
 */
export type Placement = 'local' | 'reference' | 'schema' | 'parts';

/**
 * An SQL expression for the {@link Placement} of a table, by the catalog of Citus 13.2.
 *
 * @param oid an expression
 */
export function placementExpression(oid: string): string {
  return `coalesce(
    (
      select
        case
          when partmethod <> 'n' then 'parts'
          when repmodel = 't' then 'reference'
          when colocationid <> 0 then 'schema'
        end
      from pg_catalog.pg_dist_partition
      where logicalrelid = ${oid}
    ),
    'local'
  )`;
}

/**
 * Replaces the error of a query of that catalog by what it means: the server does not have Citus, whatever the option
 * says.
 */
export function orNotCitus(error: unknown): unknown {
  return errorCode(error) === SQLSTATE.UNDEFINED_TABLE ? notCitus() : error;
}

/**
 * Refuses to write on a worker of Citus: a table that is made there exists on that node only, and a table of all nodes
 * gets its ids from the coordinator.
 */
export async function refuseWorker(client: ClientLike): Promise<void> {
  const { rows } = await client
    .query('select groupid <> 0 as worker from pg_catalog.pg_dist_local_group')
    .catch((error: unknown) => {
      throw orNotCitus(error);
    });
  if (rows[0]?.worker !== true) return;
  throw new DatabaseError(
    'COORDINATOR_NEEDED',
    'Changes are needed, but this server is a worker of Citus. Nothing was changed. Run the bootstrap on the coordinator once; then it works here too, if all of its tables are reference tables.',
  );
}
