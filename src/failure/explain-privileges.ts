import { readHomeSchema } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { findPrivilegeRemedies, isRowSecurityViolation, type Needs } from '../database/privileges.ts';
import { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { PermissionError } from '../errors.ts';
import { reasonOf } from '../text.ts';

const NO_NEEDS: Needs = {
  schema: undefined,
  create: false,
  select: [],
  insert: [],
  lock: [],
  change: [],
  remove: [],
  own: [],
};

/**
 * A PermissionError with the statements that grant what is missing, for an error that says that a privilege is; else
 * the error itself. The client must not be in a transaction that is aborted.
 *
 * @param what what was refused, as an infinitive
 */
export async function explainPrivileges(
  error: unknown,
  client: ClientLike,
  what: string,
  needs: Partial<Needs>,
): Promise<unknown> {
  if (errorCode(error) !== SQLSTATE.INSUFFICIENT_PRIVILEGE || isRowSecurityViolation(error)) return error;
  const db = createKysely(new Session(client));
  const tables = [needs.select, needs.insert, needs.change, needs.remove].flatMap((names) => names ?? []);
  const remedies = await readHomeSchema(db, needs.schema, tables)
    .then((schema) => findPrivilegeRemedies(db, { ...NO_NEEDS, ...needs, schema }))
    .catch(() => []);
  const list = remedies.map((remedy) => `\n  ${remedy}`).join('');
  const remedy =
    list === ''
      ? 'Grant it to the role, or use the role that owns the table.'
      : `An administrator can run:${list}`;
  return new PermissionError(`A privilege is missing to ${what}: ${reasonOf(error)}. ${remedy}`, remedies, {
    cause: error,
  });
}
