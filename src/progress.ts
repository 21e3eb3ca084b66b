import type { LoggerLike } from './logger.ts';

/** The progress of a long step. */
export interface Progress {
  /**
   * `check`: the definition is compared with its own promises; `read`: what the database has is read, or with a
   * `name` looked through for the rows of a seeder; `seed`: a seeder inserts; `verify`: decisions are made.
   */
  readonly step: 'check' | 'read' | 'seed' | 'verify';
  /** The name of the seeder. */
  readonly name?: string;
  /** The name of the tenant, in bootstrapTenants. */
  readonly tenant?: string;
  /** How many rules, rows or decisions are done, of the `total`. */
  readonly done: number;
  /** How many there are to do. It may be corrected while the step goes on. */
  readonly total: number;
}

/** A function that is called with the progress of a step. */
export type OnProgress = (progress: Progress) => void;

/** Reports the progress of a step. Call it as often as you like: most calls are not passed on. The total may change. */
export type ReportDone = (done: number, total?: number) => void;

/** Passes the progress of long work on to the log and to `onProgress`. */
export interface ProgressReporter {
  start(step: Progress['step'], total: number, name?: string): ReportDone;
  /** The same for one of many tenants. */
  of(whose: { readonly tenant: string }): ProgressReporter;
}

/** Shorter work is not reported, and longer work at most this often. */
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
    if (onProgress !== undefined) void callListener(onProgress, progress, logger);
  };
  return {
    of: (tenant) => createProgressReporter(logger, onProgress, now, tenant),
    start(step, expected, name) {
      let last = now();
      let open = false;
      return (done, total = expected) => {
        const ended = done >= total;
        // The end of a reported step is always reported. For other steps, their own event is enough.
        if (ended ? !open : now() - last < INTERVAL_MS) return;
        last = now();
        open = !ended;
        emit({ ...whose, step, ...(name === undefined ? {} : { name }), done, total });
      };
    },
  };
}

/** Logs the error of a listener that throws or rejects, and continues. */
async function callListener(onProgress: OnProgress, progress: Progress, logger: LoggerLike): Promise<void> {
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
