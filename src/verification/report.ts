/** What the enforcer answers. */
export type Decision = 'allow' | 'deny';

/** A promise that the live policy does not keep. */
export interface VerificationFailure {
  readonly kind: 'missing-rule' | 'decision' | 'drift';
  /** The values of the request, in the order of the model's request definition; empty for a missing rule. */
  readonly request: readonly string[];
  readonly expected: Decision | null;
  readonly actual: Decision | null;
  /** The rule that explains it: the missing one, or the one that decided; ptype first. */
  readonly rule: readonly string[] | null;
  readonly message: string;
}

/** A stored rule that does not read back as written. */
export interface IntegrityFinding {
  readonly id: number;
  readonly severity: 'failure' | 'warning';
  readonly rule: readonly string[];
  readonly message: string;
}

/** A decision that differs from the definition only because of rules that somebody added since. */
export interface DriftFinding {
  readonly request: readonly string[];
  readonly expected: Decision;
  readonly actual: Decision;
  /** The rule that decided, ptype first; null when no single rule did. */
  readonly rule: readonly string[] | null;
  readonly message: string;
}

/** The outcome of holding the live policy against the definition. */
export interface VerificationReport {
  readonly ok: boolean;
  /** How many requests were decided. */
  readonly checks: number;
  /** How many of them were allowed. */
  readonly allowed: number;
  readonly failures: readonly VerificationFailure[];
  readonly integrity: readonly IntegrityFinding[];
  readonly drift: readonly DriftFinding[];
  readonly durationMs: number;
}
