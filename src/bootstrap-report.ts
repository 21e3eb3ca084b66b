import type { VerificationReport } from './verification-report.ts';

/** What was done to a `casbin` table that was there before the first bootstrap. */
export interface TakeoverReport {
  /** Whether the stock adapter's constraint on `rule` alone was replaced by uniqueness on (ptype, rule). */
  readonly constraintReplaced: boolean;
  /** How many duplicate rows were removed; of each rule, the row with the lowest id was kept. */
  readonly duplicatesRemoved: number;
}

/** What one seeder found and did. */
export interface SeederReport {
  /** The seeder's name; `rbac` is the policy's. */
  readonly name: string;
  /** How many rows it inserted. */
  readonly inserted: number;
  /** How many it found. */
  readonly existing: number;
  /** Both together. */
  readonly total: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** A migration that a bootstrap applied. */
export interface AppliedMigration {
  /** Its key in the list of migrations. */
  readonly name: string;
  /** Always `applied`: one that fails ends the bootstrap with an error. */
  readonly status: 'applied';
}

/** A server that speaks PostgreSQL's protocol. */
export type EngineName = 'postgresql' | 'citus' | 'neon' | 'cockroachdb' | 'yugabytedb' | 'aurora-dsql';

/** The server that a bootstrap worked on. */
export interface EngineReport {
  /** Which server it is, by the option or by what the server reports. */
  readonly name: EngineName;
  /** What a bootstrap promises on PostgreSQL but can't promise there, one sentence each. */
  readonly limits: readonly string[];
}

/** What a bootstrap did, or under `dryRun` would do. */
export interface BootstrapReport {
  /** Whether everything was rolled back, and this is what would be done. */
  readonly dryRun: boolean;
  /** Whether anything was written; under `dryRun`, whether anything would be. */
  readonly changed: boolean;
  /** The migrations that were applied, in that order; this package's and the seeders' come before the application's. */
  readonly migrations: readonly AppliedMigration[];
  /** Null when there was nothing to take over. */
  readonly takeover: TakeoverReport | null;
  /** What each seeder did, in the order in which they ran; the policy's comes first. */
  readonly seeders: readonly SeederReport[];
  /** What was done about earlier versions of the definition; null without a `version`. */
  readonly ownership: OwnershipReport | null;
  /** How the policy decides as it was committed. */
  readonly verification: VerificationReport;
  /** The server, and its limits. */
  readonly engine: EngineReport;
  /** From the call to the commit, in milliseconds; waiting for a lock counts. */
  readonly durationMs: number;
}

/** What a bootstrap did about earlier versions of the definition. */
export interface OwnershipReport {
  /** The version of the definition that was given. */
  readonly version: number;
  /** The newest version that the database was bootstrapped with before; null for none. */
  readonly before: number | null;
  /** Whether that is newer than the given one. In that case the policy was not changed. */
  readonly isOlder: boolean;
  /** The roles that were renamed, and how many stored rules that has changed. */
  readonly renamed: readonly RenamedRole[];
  /** The rules that were removed because they are retired, ptype first. */
  readonly removed: readonly (readonly string[])[];
  /** How many links of users to retired roles now lead to another role. */
  readonly reassigned: number;
  /**
   * Rules of administrators that are retired, or name a retired role or a renamed one by its former name: they stay,
   * ptype first; up to 10,000. Each bootstrap lists them, until they are gone.
   */
  readonly left: readonly (readonly string[])[];
  /** How many more of these there are. */
  readonly leftOmitted: number;
}

/** A renamed role. */
export interface RenamedRole {
  /** Its earlier name. */
  readonly from: string;
  /** Its name now. */
  readonly to: string;
  /** How many stored rules named it. */
  readonly rules: number;
}
