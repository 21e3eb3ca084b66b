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

/** A look could not continue, and something is certainly missing; the insert will show what. */
export class LookAbandoned extends Error {}
