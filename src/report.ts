/**
 * What a row is known by: its `id`, a number where the column is one. In a table without, the place of the row, as
 * in `(0,1)`, which it has until it changes.
 */
export type RowId = number | string;

/** What was done to a `casbin` table that was there before the first bootstrap. */
export interface TakeoverReport {
  /** The stock adapter's constraint on `rule` alone gave way to uniqueness on (ptype, rule). */
  readonly constraintReplaced: boolean;
  /** Rules that stood in the table more than once; of each, the row with the lowest id was kept. */
  readonly duplicatesRemoved: number;
}

/** What one seeder found and did. */
export interface SeederReport {
  readonly name: string;
  readonly inserted: number;
  readonly existing: number;
  readonly total: number;
  readonly durationMs: number;
}

/** What a bootstrap did, or under `dryRun` would do. */
export interface BootstrapReport {
  /** Whether this tells what would be done: everything was rolled back. */
  readonly dryRun: boolean;
  /** Whether anything was written; under `dryRun`, whether anything would be. */
  readonly changed: boolean;
  readonly migrations: readonly { readonly name: string; readonly status: 'applied' }[];
  /** Null when there was nothing to take over. */
  readonly takeover: TakeoverReport | null;
  readonly seeders: readonly SeederReport[];
  readonly verification: VerificationReport;
  readonly durationMs: number;
}

/** What the enforcer answers. */
export type Decision = 'allow' | 'deny';

/** Why a request was answered as it was. */
export interface Explanation {
  /** The `p` rule that decided, ptype first; null when none did. */
  readonly rule: readonly string[] | null;
  /** From the request's subject to the rule's: `['alice', 'admin', 'user']`; empty where no roles are involved. */
  readonly rolePath: readonly string[];
  /** The ids of the rows that the rule and the role links stand in. */
  readonly ids: readonly RowId[];
  /** Those of the rule and the role links that are not in the definition, ptype first. */
  readonly added: readonly (readonly string[])[];
  /** All of it in one sentence. */
  readonly reason: string;
}

/** A promise that the live policy does not keep. */
export interface VerificationFailure extends Explanation {
  /**
   * `missing-rule`: a defined rule is not stored. `decision`: a request is decided otherwise because of that.
   * `never`: an invariant is violated, whoever did it. `drift`: a drift finding, under `strict`. `structure`: a
   * migration has broken the role hierarchy; in a report, that is an integrity finding.
   */
  readonly kind: 'missing-rule' | 'decision' | 'never' | 'drift' | 'structure';
  /** The values of the request, in the order of the model's request definition; empty for a missing rule. */
  readonly request: readonly string[];
  readonly expected: Decision | null;
  readonly actual: Decision | null;
  readonly message: string;
}

/** Something about stored rules that does not read back as written. */
export interface IntegrityFinding {
  readonly severity: 'failure' | 'warning';
  /** The ids of the rows concerned. */
  readonly ids: readonly RowId[];
  /** The first of them, ptype first. */
  readonly rule: readonly string[];
  readonly message: string;
}

/** What the live policy has beyond the definition. Somebody granted or denied it since. */
export interface DriftFinding extends Explanation {
  /** The request that is decided otherwise; empty for a rule that changes none of the expectations. */
  readonly request: readonly string[];
  readonly expected: Decision | null;
  readonly actual: Decision | null;
  /** Who has what the first of the added rules gives; null for a link between resources. */
  readonly holders: Holders | null;
  readonly message: string;
}

/** Who has a role, directly or through other roles; roles that the definition names are not counted. */
export interface Holders {
  /** Up to five of them. */
  readonly names: readonly string[];
  /** How many there are, counted up to 10,000. */
  readonly count: number;
  /** Whether there are more than `count`. */
  readonly more: boolean;
}

/** How much of the rule table a report is about. */
export interface VerificationScope {
  /**
   * `whole`: every stored rule was read. `part`: of a large table, the rules that the definition and its requests
   * can reach were read; other rows may hold drift, or rules that no enforcer can load. `none`: nothing was verified.
   */
  readonly kind: 'whole' | 'part' | 'none';
  /** How many rules were read. */
  readonly rules: number;
}

/** How many of the defined rules decided at least one expectation. */
export interface Coverage {
  readonly covered: number;
  readonly total: number;
  /** The others, ptype first: nothing was proved of them. */
  readonly uncovered: readonly (readonly string[])[];
}

/** What a verification does not prove, although nothing is wrong. */
export interface VerificationWarning {
  /**
   * `NOTHING_VERIFIED`: no request was decided. `RULES_NOT_COVERED`: defined rules decided none.
   * `CONTEXT_NOT_VERIFIED`: the model has definitions that only an EnforceContext uses. `LITERAL_WILDCARD`: defined
   * rules have a `*` that the model compares as it is written.
   */
  readonly code: 'NOTHING_VERIFIED' | 'RULES_NOT_COVERED' | 'CONTEXT_NOT_VERIFIED' | 'LITERAL_WILDCARD';
  /** How many defined rules it is about. */
  readonly count: number;
  /** The first ten of them, ptype first. */
  readonly rules: readonly (readonly string[])[];
  readonly message: string;
}

/** What to do about defined rules that are stored in another order than they are defined in, where that decides. */
export interface RowOrder {
  readonly advice: string;
  /** SQL that puts them in that order, in one transaction; empty where it would move others too. */
  readonly statements: readonly string[];
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
  /** How many more failures and drift findings there are, which are counted and not listed. */
  readonly omitted: { readonly failures: number; readonly drift: number };
  readonly scope: VerificationScope;
  readonly coverage: Coverage;
  readonly warnings: readonly VerificationWarning[];
  /** Null unless failures are due to the order of the rows. */
  readonly rowOrder: RowOrder | null;
  readonly durationMs: number;
}
