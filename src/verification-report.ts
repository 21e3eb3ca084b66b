/**
 * The identity of a row: its `id`, as a number if the column is one. In a table without `id`, the place of the row,
 * such as `(0,1)`, which is valid until the row changes.
 */
export type RowId = number | string;

/** Who added a stored rule, when and why, by the journal. */
export interface RuleOrigin {
  /** Ptype first. */
  readonly rule: readonly string[];
  /** When the statement ran. */
  readonly at: Date;
  /** The `actor` that was given to changePolicy; `casbin-bootstrap` for a bootstrap, null for other writers. */
  readonly actor: string | null;
  /** The `reason` that was given to changePolicy. */
  readonly reason: string | null;
  /** The role with which the session logged in. */
  readonly role: string;
  /** The session's `application_name`. */
  readonly application: string | null;
}

/** What the enforcer answers. */
export type Decision = 'allow' | 'deny';

/** Why a request was answered as it was. */
export interface Explanation {
  /** The `p` rule that decided, ptype first; null if no rule decided. */
  readonly rule: readonly string[] | null;
  /** From the request's subject to the rule's: `['alice', 'admin', 'user']`; empty if no roles are involved. */
  readonly rolePath: readonly string[];
  /** The ids of the rows of the rule and the role links; empty for a policy that is not stored. */
  readonly ids: readonly RowId[];
  /** The rule and the role links that are not in the definition, ptype first. */
  readonly added: readonly (readonly string[])[];
  /** The explanation in one sentence. */
  readonly reason: string;
}

/** A promise that the stored policy does not keep. */
export interface VerificationFailure extends Explanation {
  /**
   * `missing-rule`: a defined rule is not stored. `decision`: a request is decided differently because of that.
   * `never`: an invariant is violated, even if an administrator did it. `drift`: a drift finding, under `strict`.
   * `structure`: a migration has broken the role hierarchy; in a report, that is an integrity finding.
   */
  readonly kind: 'missing-rule' | 'decision' | 'never' | 'drift' | 'structure';
  /** The values of the request, in the order of the model's request definition; empty for a missing rule. */
  readonly request: readonly string[];
  /** What the definition says; null for a missing rule. */
  readonly expected: Decision | null;
  /** What the enforcer answers; null for a missing rule. */
  readonly actual: Decision | null;
  /** The whole finding as text. */
  readonly message: string;
}

/** A fault of stored rules: they are not read back as they were written. */
export interface IntegrityFinding {
  /** A `failure` makes the report not `ok`; a `warning` does not. */
  readonly severity: 'failure' | 'warning';
  /** The ids of the rows concerned. */
  readonly ids: readonly RowId[];
  /** The first of them, ptype first. */
  readonly rule: readonly string[];
  /** What is wrong with it. */
  readonly message: string;
}

/** Something that the stored policy has in addition to the definition: somebody has granted or denied it since. */
export interface DriftFinding extends Explanation {
  /** The request that is decided differently; empty for a rule that changes no expectation. */
  readonly request: readonly string[];
  /** What the definition says; null for a rule that changes no expectation. */
  readonly expected: Decision | null;
  /** What the enforcer answers; null for a rule that changes no expectation. */
  readonly actual: Decision | null;
  /** Who benefits from the first of the added rules; null for a link between resources. */
  readonly holders: Holders | null;
  /** The whole finding as text. */
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
  /** How many rules decided a request. */
  readonly covered: number;
  /** How many rules are defined. */
  readonly total: number;
  /** The other rules, ptype first: nothing was proved about them. */
  readonly uncovered: readonly (readonly string[])[];
}

/** A warning: something that a verification does not prove, although nothing is wrong. */
export interface VerificationWarning {
  /**
   * `NOTHING_VERIFIED`: no request was decided. `RULES_NOT_COVERED`: defined rules decided none.
   * `CONTEXT_NOT_VERIFIED`: the model has definitions that only an EnforceContext uses. `LITERAL_WILDCARD`: defined
   * rules have a `*` that the model compares as it is written. `RULES_OPPOSED`: defined rules allow and deny the same.
   * `ROLE_MISSPELT`: defined rules give a role that has no permission, and whose name is nearly that of another role.
   */
  readonly code:
    | 'NOTHING_VERIFIED'
    | 'RULES_NOT_COVERED'
    | 'CONTEXT_NOT_VERIFIED'
    | 'LITERAL_WILDCARD'
    | 'RULES_OPPOSED'
    | 'ROLE_MISSPELT';
  /** How many defined rules it is about. */
  readonly count: number;
  /** The first ten of them, ptype first. */
  readonly rules: readonly (readonly string[])[];
  /** What is not proved, and what to do. */
  readonly message: string;
}

/** What to do if the order of the rows matters, and defined rules are stored in another order. */
export interface RowOrder {
  /** What to do, as text. */
  readonly advice: string;
  /** SQL that puts them in that order, in one transaction; empty if it would move other rows too. */
  readonly statements: readonly string[];
}

/** Findings that are counted and not listed. */
export interface OmittedFindings {
  /** How many more failures there are. */
  readonly failures: number;
  /** How many more drift findings there are. */
  readonly drift: number;
}

/** A defined rule that is not stored, and that a bootstrap does not insert again. */
export interface KeptAwayRule {
  /** The rule, ptype first. */
  readonly rule: readonly string[];
  /**
   * `revoked`: changePolicy has revoked it with a reason. `vanished`: it was stored and is not any more, and the
   * definition says `onRevoked: 'keep'`; that counts as drift. `newer version`: the database was bootstrapped with a
   * newer version of the definition.
   */
  readonly because: 'revoked' | 'vanished' | 'newer version';
  /** Who revoked it; null if that is not recorded. */
  readonly actor: string | null;
  /** Why. */
  readonly reason: string | null;
  /** When. */
  readonly at: Date | null;
}

/** The comparison of the stored policy with the definition. */
export interface VerificationReport {
  /** Whether there is no failure: neither in `failures` nor among the integrity findings. */
  readonly ok: boolean;
  /** How many requests were decided. */
  readonly checks: number;
  /** How many of them were allowed. */
  readonly allowed: number;
  /** Promises of the definition that the stored policy does not keep. */
  readonly failures: readonly VerificationFailure[];
  /** Stored rules that do not read back as written. */
  readonly integrity: readonly IntegrityFinding[];
  /** What the stored policy has in addition to the definition. */
  readonly drift: readonly DriftFinding[];
  /** Defined rules that are not stored on purpose. The policy is verified without them. */
  readonly keptAway: readonly KeptAwayRule[];
  /**
   * Stored rules that the definition has retired, or that name a retired role, or a renamed one by its former name,
   * such as links of users to it, ptype first; up to 10,000. Empty where the database was not bootstrapped with this
   * version.
   */
  readonly left: readonly (readonly string[])[];
  /** How many more of these there are. */
  readonly leftOmitted: number;
  /** How many findings are not listed. */
  readonly omitted: OmittedFindings;
  /** How much of the rule table was read. */
  readonly scope: VerificationScope;
  /** How many of the defined rules decided an expectation. */
  readonly coverage: Coverage;
  /** Warnings about what was not proved, although nothing is wrong. */
  readonly warnings: readonly VerificationWarning[];
  /** Null unless the order of the rows causes failures. */
  readonly rowOrder: RowOrder | null;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}
