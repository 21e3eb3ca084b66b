import type { LoggerLike } from './logger.ts';

/** How far a step that takes long has come. */
export interface Progress {
  /**
   * `check`: the definition is compared with its own promises; `read`: what the database has is read, or with a
   * `name` looked through for the rows of a seeder; `seed`: a seeder inserts; `verify`: decisions are made.
   */
  readonly step: 'check' | 'read' | 'seed' | 'verify';
  /** The seeder's. */
  readonly name?: string;
  /** Whose it is, of those that bootstrapTenants works on at a time. */
  readonly tenant?: string;
  /** How many rules, rows or decisions are done, of the `total`. */
  readonly done: number;
  /** How many there are to do. It may be corrected while the step goes on. */
  readonly total: number;
}

/** Is told how far a step has come. */
export type OnProgress = (progress: Progress) => void;

/** Tells how far the step has come; as often as one likes, as most of it is not passed on. A total can be corrected. */
export type ReportDone = (done: number, total?: number) => void;

/** Hands on how far long work has come, to the log and to who asked for it. */
export interface ProgressReporter {
  start(step: Progress['step'], total: number, name?: string): ReportDone;
  /** The same for one of many tenants. */
  of(whose: { readonly tenant: string }): ProgressReporter;
}

/** Work that takes less is not reported at all, other work no more often than that. */
const INTERVAL_MS = 500;

/** @param now the time in milliseconds, of any origin */
export function createProgressReporter(
  logger: LoggerLike,
  onProgress: OnProgress | undefined,
  now: () => number = () => performance.now(),
  whose: { readonly tenant?: string } = {},
): ProgressReporter {
  const emit = (progress: Progress): void => {
    logger.info({ event: 'progress', ...progress }, 'Work in progress');
    if (onProgress !== undefined) void tell(onProgress, progress, logger);
  };
  return {
    of: (tenant) => createProgressReporter(logger, onProgress, now, tenant),
    start(step, expected, name) {
      let last = now();
      let open = false;
      return (done, total = expected) => {
        const ended = done >= total;
        // The end of what was reported never waits; of what was not, it says nothing that the step's own event doesn't.
        if (ended ? !open : now() - last < INTERVAL_MS) return;
        last = now();
        open = !ended;
        emit({ ...whose, step, ...(name === undefined ? {} : { name }), done, total });
      };
    },
  };
}

/** A listener that throws, or that returns a promise and rejects, is no reason to fail. */
async function tell(onProgress: OnProgress, progress: Progress, logger: LoggerLike): Promise<void> {
  try {
    await onProgress(progress);
  } catch (error) {
    const { tenant } = progress;
    logger.warn(
      { event: 'progress_listener_failed', ...(tenant === undefined ? {} : { tenant }), err: error },
      'onProgress failed',
    );
  }
}
