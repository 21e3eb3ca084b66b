import type { BootstrapReport } from '../../src/bootstrap-report.ts';
import type { VerificationFailure, VerificationReport } from '../../src/verification-report.ts';

/** The verification of the default policy, all well, with what differs. */
export function verification(parts: Partial<VerificationReport> = {}): VerificationReport {
  return {
    ok: true,
    checks: 56,
    allowed: 26,
    failures: [],
    integrity: [],
    drift: [],
    keptAway: [],
    left: [],
    leftOmitted: 0,
    omitted: { failures: 0, drift: 0 },
    scope: { kind: 'whole', rules: 16 },
    coverage: { covered: 16, total: 16, uncovered: [] },
    warnings: [],
    rowOrder: null,
    durationMs: 12,
    ...parts,
  };
}

/** A request that must be allowed and is denied, with what differs. */
export function decision(parts: Partial<VerificationFailure> = {}): VerificationFailure {
  return {
    kind: 'decision',
    request: ['user', 'accounts', 'read'],
    expected: 'allow',
    actual: 'deny',
    rule: null,
    rolePath: [],
    ids: [],
    added: [],
    reason: 'no rule allows it',
    message: '',
    ...parts,
  };
}

/** A stored rule that is not defined, and that no request shows. */
export const ADDED_RULE = {
  request: [],
  expected: null,
  actual: null,
  rule: ['p', 'user', 'reports', 'read'],
  rolePath: [],
  ids: [17],
  added: [['p', 'user', 'reports', 'read']],
  holders: { names: ['eve', 'bob'], count: 7, more: false },
  reason: 'stored, but not defined',
  message: '',
};

/** A bootstrap that found everything in place, with what differs. */
export function bootstrap(parts: Partial<BootstrapReport> = {}): BootstrapReport {
  return {
    dryRun: false,
    changed: false,
    migrations: [],
    takeover: null,
    ownership: null,
    seeders: [
      { name: 'rbac', inserted: 0, existing: 16, total: 16, durationMs: 3 },
      { name: 'providers', inserted: 0, existing: 3, total: 3, durationMs: 2 },
    ],
    verification: verification(),
    engine: { name: 'postgresql', limits: [] },
    durationMs: 85.4,
    ...parts,
  };
}
