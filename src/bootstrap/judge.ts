import type { StoredRule } from '../casbin/rule-row.ts';
import { VerificationError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { VerificationReport } from '../verification/report.ts';
import { NOT_VERIFIED, verifyPolicy } from '../verification/verify.ts';

/** Holds the live policy against the definition, and logs the outcome. */
export async function inspect(
  options: ResolvedOptions,
  live: readonly StoredRule[],
): Promise<VerificationReport> {
  const { model, configureEnforcer, defined, expectations, coverage, verify, logger } = options;
  if (verify === null) return NOT_VERIFIED;
  const strict = verify.strict ?? false;
  const report = await verifyPolicy(
    { model, configureEnforcer, defined, expectations, coverage, live, strict },
    options.progress.start('verify', expectations.size),
  );
  const { ok, checks, allowed, failures, drift } = report;
  for (const finding of drift)
    logger.warn({ event: 'drift', ...finding }, 'Decision differs from the definition');
  logger.info(
    { event: 'verification_completed', ok, checks, allowed, failures: failures.length, drift: drift.length },
    'Verification completed',
  );
  return report;
}

/** As {@link inspect}, for a policy that is about to be relied on: throws VerificationError when it fails. */
export async function judge(
  options: ResolvedOptions,
  live: readonly StoredRule[],
): Promise<VerificationReport> {
  const report = await inspect(options, live);
  if (report.ok) return report;
  const { renderFailures } = await import('../reports/failures.ts');
  throw new VerificationError(
    `The live policy does not do what is defined.\n\n${renderFailures(report)}`,
    report,
  );
}
