import { sql } from 'kysely';
import type { AskFurther } from '../database/transaction.ts';
import { VerificationError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { formatRule, toRule } from '../policy/rule.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import {
  COUNTED_HOLDERS,
  type FindHolders,
  holdersAmong,
  NAMED_HOLDERS,
  summarizeHolders,
} from '../verification/drift.ts';
import { explainRowOrder } from '../verification/row-order.ts';
import { NOT_VERIFIED, verifyPolicy } from '../verification/verify-policy.ts';
import type { VerificationReport } from '../verification-report.ts';
import type { LivePolicy } from './read-policy.ts';

/** How many findings of a kind are logged one by one. */
const LOGGED = 100;

/** Compares the live policy with the definition, and logs the outcome. */
export async function verifyLive(
  askFurther: AskFurther,
  options: ResolvedOptions,
  { rules: live, scope }: LivePolicy,
): Promise<VerificationReport> {
  const { model, configureEnforcer, defined, promises, verify, logger, ruleTable } = options;
  logKeptAway(options);
  const { keptAway } = options;
  const left = { left: options.left.rules, leftOmitted: options.left.omitted };
  if (verify === null) return { ...NOT_VERIFIED, keptAway, ...left };
  const { expectations, coverage, warnings } = await promises.decide();
  const { strict = false, stockLoadable = false } = verify;
  const findHolders = scope === 'whole' ? holdersAmong(model, live) : holdersIn(askFurther, ruleTable);
  const given = {
    model,
    configureEnforcer,
    defined,
    expectations,
    coverage,
    warnings,
    live,
    scope,
    reach: promises.reach,
    ruleTable,
    keptAway,
  };
  const verified = await verifyPolicy(
    { ...given, findHolders, strict, stockLoadable },
    options.progress.start('verify', expectations.size),
  );
  const explained = verified.ok ? verified : await explainRowOrder(askFurther, options, live, verified);
  const report = { ...explained, ...left };
  const { ok, checks, allowed } = report;
  if (scope === 'part' && ruleTable.missingIndex !== null) {
    logger.warn(
      { event: 'index_missing', table: ruleTable.sql, statement: ruleTable.missingIndex },
      'Without an index on the first values of the rules, each start reads the whole table',
    );
  }
  for (const warning of warnings) logger.warn({ event: 'verification_warning', ...warning }, warning.message);
  logIntegrity(report, logger);
  for (const finding of report.drift.slice(0, LOGGED))
    logger.warn({ event: 'drift', ...finding }, 'The database has more than the definition');
  const failures = report.failures.length + report.omitted.failures;
  const drift = report.drift.length + report.omitted.drift;
  logger.info(
    { event: 'verification_completed', ok, checks, allowed, failures, drift, scope: report.scope },
    'Verification completed',
  );
  return report;
}

function logKeptAway({ keptAway, logger }: ResolvedOptions): void {
  for (const { rule, ...why } of keptAway.slice(0, LOGGED)) {
    const fields = { event: 'rule_kept_away', rule: formatRule(toRule(rule)), ...why };
    const message = 'Defined rule is not stored, and stays away';
    // For the others, a reason is recorded, or the version explains it.
    if (why.because === 'vanished') logger.warn(fields, message);
    else logger.info(fields, message);
  }
}

/** How many warnings about stored rules are logged; all of them are in the report. */
const LOGGED_WARNINGS = 20;

function logIntegrity({ integrity }: VerificationReport, logger: ResolvedOptions['logger']): void {
  const warnings = integrity.filter(({ severity }) => severity === 'warning');
  for (const { ids, rule, message } of warnings.slice(0, LOGGED_WARNINGS))
    logger.warn({ event: 'integrity_warning', ids, rule }, message);
  const more = warnings.length - LOGGED_WARNINGS;
  if (more > 0) logger.warn({ event: 'integrity_warnings', more }, 'More warnings about stored rules');
}

/** Asks the database who has roles, for a table that was read in part. */
function holdersIn(askFurther: AskFurther, table: RuleTable): FindHolders {
  return async (roles, { ptypes, everywhere, definedRoles }) => {
    const links = sql.raw(table.rowsWith(1, 'holder.name'));
    const ptype = sql.raw(table.ptype('link'));
    const [child, , domain] = [0, 1, 2].map((position) => sql.raw(table.value('link', position)));
    const query = sql<{ names: string[]; count: number }>`
      select found.names, found.count
      from unnest(
        ${roles.map(({ name }) => name)}::text[],
        ${roles.map(({ domain }) => domain)}::text[]
      ) with ordinality as role (name, domain, n)
      cross join lateral (
        with recursive holder (name) as (
          select role.name
          union
          select ${child}
          from holder
          cross join ${links} link
          where ${ptype} = any (${ptypes}::text[])
          and (role.domain is null or ${ptype} = any (${everywhere}::text[]) or ${domain} = role.domain)
        ),
        last as (
          select name
          from holder
          where name <> all (${definedRoles}::text[])
          and not exists (select from ${links} link where ${ptype} = any (${ptypes}::text[]))
          limit ${COUNTED_HOLDERS + 1}
        )
        select coalesce(to_json((array_agg(name))[1:${NAMED_HOLDERS}]), '[]') as names, count(*)::int as count from last
      ) found
      order by role.n
    `;
    const { rows } = await askFurther((trx) => query.execute(trx));
    return rows.map(({ names, count }) => summarizeHolders(names, count));
  };
}

/** As {@link verifyLive}, but throws VerificationError if the verification fails. */
export async function requireVerified(
  askFurther: AskFurther,
  options: ResolvedOptions,
  live: LivePolicy,
): Promise<VerificationReport> {
  const report = await verifyLive(askFurther, options, live);
  if (report.ok) return report;
  const { renderFailures, renderRemedies } = await import('../render/findings.ts');
  throw new VerificationError(
    [
      'The stored policy does not do what is defined. Nothing was changed.',
      renderFailures(report),
      ...renderRemedies(report),
    ].join('\n\n'),
    report,
  );
}
