import { findHiddenSchemaRemedies } from '../database/privileges.ts';
import type { Session } from '../database/session.ts';
import { type BootstrapError, PermissionError } from '../errors.ts';
import { inquire } from './explain-inquiry.ts';

/** To PostgreSQL, a schema that the role may not use is not on the search_path: then a grant is what is missing. */
export async function explainMissingSchema(
  error: BootstrapError,
  session: Session | null,
): Promise<BootstrapError> {
  const remedies = await inquire(session, [], findHiddenSchemaRemedies);
  if (remedies.length === 0) return error;
  const list = remedies.map((remedy) => `\n  ${remedy}`).join('');
  return new PermissionError(
    `The role may not use any schema on the search_path of this connection. Nothing was changed. Name another by the schema option, or let somebody entitled run:${list}`,
    remedies,
    { cause: error },
  );
}
