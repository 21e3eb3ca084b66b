import { readHomeSchema } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { findTableLockHolders } from '../database/lock.ts';
import {
  findPrivilegeRemedies,
  isRowSecurityViolation,
  type Needs,
  NO_NEEDS,
} from '../database/privileges.ts';
import { explainRefusedWork } from '../database/refused-work.ts';
import { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { PermissionError } from '../errors.ts';
import { reasonOf } from '../text.ts';

/**
 * Explains why a call outside of a bootstrap was refused: for a missing privilege, by a PermissionError with the
 * statements that grant it; else as explainRefusedWork does. The client is asked for the facts, as far as its
 * transaction lets it.
 *
 * @param what what was refused, as an infinitive
 */
export async function explainRefusal(
  error: unknown,
  client: ClientLike,
  what: string,
  needs: Partial<Needs>,
): Promise<unknown> {
  const db = createKysely(new Session(client));
  const tables = [needs.select, needs.insert, needs.change, needs.remove].flatMap((names) => names ?? []);
  if (errorCode(error) !== SQLSTATE.INSUFFICIENT_PRIVILEGE) {
    return explainRefusedWork(error, what, () => findTableLockHolders(db, needs.schema, tables));
  }
  if (isRowSecurityViolation(error)) return error;
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
