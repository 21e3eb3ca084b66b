import type { VerificationReport } from './verification/report.ts';

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
