import { sql } from 'kysely';
import { refuseForeignRules } from '../bootstrap/policy-missing.ts';
import { readScope } from '../bootstrap/read-policy.ts';
import { findNewestVersion, withOwnership } from '../bootstrap/settle-ownership.ts';
import { verifyLive } from '../bootstrap/verify-live.ts';
import { WHOLE } from '../casbin/scope.ts';
import type { PoolLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import { stayAwake } from '../database/transaction.ts';
import { type Inspected, inspectRuleTable } from '../inspect/inspect-database.ts';
import { completeOptions, replaceOptions, resolveVerifyOptions } from '../options/resolve.ts';
import type { VerifyDatabaseOptions } from '../options.ts';
import { readOrigins } from '../running/rule-origins.ts';
import type { PageData } from './page-data.ts';

/** What a page shows. Every option has a default. */
export interface PageOptions extends VerifyDatabaseOptions {
  /**
   * Whether the page names users, what was granted to them, and by whom. If false, it says only how many users have a
   * role. A name to which rules permit something directly is always shown. Default: true.
   */
  readonly users?: boolean | undefined;
}

/**
 * Creates a page that shows a policy to people: roles × permissions, each decision with its rule, path of roles and
 * rows; the hierarchy; the result of the verification; and the differences between database and definition.
 *
 * The page is one HTML file that loads nothing. It names roles and users, and has no passwords. All stored rules are
 * read, however many there are.
 *
 * @param pool the database whose policy is shown; null for the definition alone
 * @throws as verifyDatabase
 *
 * @example
 * await writeFile('policy.html', await createPage(pool, { policy: 'policy.yaml' }));
 */
export async function createPage(pool: PoolLike | null, options: PageOptions = {}): Promise<string> {
  const { renderPage } = await import('./render-page.ts');
  return renderPage(await readPage(pool, options));
}

/** Reads what a page shows. */
export async function readPage(pool: PoolLike | null, options: PageOptions): Promise<PageData> {
  const data = pool === null ? await readDefinition(options) : await readDatabase(pool, options);
  if (options.users !== false) return data;
  const { withoutUsers } = await import('./collect-page.ts');
  return withoutUsers(data);
}

async function readDefinition(options: PageOptions): Promise<PageData> {
  const { checkPageShape } = await import('../options/shape.ts');
  const resolved = await completeOptions(replaceOptions(options, { verify: {} }), checkPageShape(options));
  const { collectPage } = await import('./collect-page.ts');
  return collectPage(resolved, { kind: 'definition', rules: resolved.defined.rules.length }, null);
}

async function readDatabase(pool: PoolLike, options: PageOptions): Promise<PageData> {
  const resolved = await resolveVerifyOptions(pool, options);
  return inspectRuleTable(pool, resolved, 'the look at the policy', async (inspected) =>
    stayAwake(inspected.trx, resolved, () => readLivePage(inspected)),
  );
}

async function readLivePage({ trx, options }: Inspected): Promise<PageData> {
  const live = await readScope(trx, WHOLE, options);
  refuseForeignRules(options, live);
  const newest = await findNewestVersion(trx, options);
  const whole = await withOwnership((ask) => ask(trx), options, live, newest);
  const verification = await verifyLive((ask) => ask(trx), whole, live);
  const { rows } = await sql<{ database: string }>`select current_database() as database`.execute(trx);
  const findOrigin = await readOrigins(asClient(trx), whole.ruleTable, null);
  const { collectPage } = await import('./collect-page.ts');
  return collectPage(
    whole,
    {
      kind: 'database',
      database: rows[0]?.database ?? '',
      table: whole.ruleTable.sql,
      rules: live.rules.length,
    },
    { rules: live.rules, verification, findOrigin, newestVersion: newest?.version ?? null },
  );
}
