import { sql } from 'kysely';
import { PermissionError } from '../errors.ts';
import { quoteTable } from './table.ts';
import type { AnyKysely } from './transaction.ts';

/** Which of the tables row-level security hides rows of from the current role. */
export interface HiddenRows {
  /** As SQL. */
  readonly role: string;
  /** The tables' names; null for none. */
  readonly hidden: string | null;
}

/** Columns to select, with HiddenRows in them; tables that don't exist are passed over. */
export function hiddenRowsColumns(schema: string | undefined, tables: readonly string[]) {
  const names = tables.map((table) => quoteTable(table, schema));
  return sql`
    quote_ident(current_user) as role,
    (
      select string_agg(name, ' and ')
      from unnest(${names}::text[]) as name
      where row_security_active(to_regclass(name))
    ) as hidden
  `;
}

/**
 * Refuses to decide on a part of the rows as if it were all of them.
 *
 * @throws PermissionError
 */
export function refuseHiddenRows({ role, hidden }: HiddenRows): void {
  if (hidden === null) return;
  const message = `Row-level security is active for role ${role} on ${hidden}, so some rows may be hidden from it. Nothing was changed. Run it as the owner of the table, or let somebody entitled run:\n  ${bypass(role)}`;
  throw new PermissionError(message, [bypass(role)]);
}

/** As both of the above, in a query of its own. */
export async function requireAllRows(
  db: AnyKysely,
  schema: string | undefined,
  tables: readonly string[],
): Promise<void> {
  const { rows } = await sql<HiddenRows>`select ${hiddenRowsColumns(schema, tables)}`.execute(db);
  for (const row of rows) refuseHiddenRows(row);
}

/** What lifts row-level security for a role, whose name is given as SQL. */
export function bypass(role: string): string {
  return `alter role ${role} bypassrls;`;
}

/** Whether an error is a refusal by row-level security: it has the SQLSTATE of a missing grant. */
export function isRowSecurityViolation(error: unknown): boolean {
  // Messages may be translated; the function that raised them is not.
  const routine = error instanceof Error ? Reflect.get(error, 'routine') : undefined;
  return routine === 'ExecWithCheckOptions' || routine === 'check_enable_rls';
}
