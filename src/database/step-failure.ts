/** The part of a bootstrap that code from outside was running in. */
export interface Step {
  readonly kind: 'migration' | 'seeder';
  /** Null when a migration run failed outside any one migration. */
  readonly name: string | null;
}

/** What somebody's migration or seeder threw, with whose it is. Inside the library only. */
export class StepFailure extends Error {
  readonly step: Step;

  constructor(step: Step, cause: unknown) {
    super(`${step.kind} ${step.name ?? ''} failed`, { cause });
    this.step = step;
  }
}

/** The step's own transaction check failed: it committed or rolled back the transaction that it ran in. */
export class TransactionEnded extends Error {}

/** A look could not go on, and it is clear that something is missing; what that is shows when it is inserted. */
export class LookAbandoned extends Error {}
