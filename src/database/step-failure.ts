import { holdsBootstrapLock } from './lock.ts';
import { type AnyKysely, isSameTransaction } from './transaction.ts';

/** The part of a bootstrap in which code of the application was running. */
export interface Step {
  readonly kind: 'migration' | 'seeder';
  /** Null when a migration run failed outside any one migration. */
  readonly name: string | null;
}

/** What a migration or a seeder threw, with its name. Used only inside the library. */
export class StepFailure extends Error {
  readonly step: Step;

  constructor(step: Step, cause: unknown) {
    super(`${step.kind} ${step.name ?? ''} failed`, { cause });
    this.step = step;
  }
}

/** The step's own transaction check failed: it committed or rolled back the transaction that it ran in. */
export class TransactionEnded extends Error {}

/** It reset all settings of the session, and with them those of the transaction, which is still open. */
export class SettingsReset extends Error {}

/**
 * Checks after a migration or a seeder that the transaction of the bootstrap is still open, with its settings.
 *
 * @throws TransactionEnded
 * @throws SettingsReset
 */
export async function requireSameTransaction(db: AnyKysely): Promise<void> {
  if (await isSameTransaction(db)) return;
  // The mark of the transaction is a setting. The lock, too, ends with the transaction, but is no setting.
  if (await holdsBootstrapLock(db)) throw new SettingsReset('It reset the settings of its transaction');
  throw new TransactionEnded('It ended the transaction that it runs in');
}

/** A look could not continue, and something is certainly missing; the insert will show what. */
export class LookAbandoned extends Error {}
