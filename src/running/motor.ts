import type { LiveState } from './live-enforcer.ts';

/** What keeps a live enforcer up to date. */
export interface Motor {
  /** When the last look that succeeded began. */
  confirmed: Moment;
  error: Error | null;
  by: LiveState['by'];
  isClosed: boolean;
  /** Whether the last confirmation is too long ago. */
  readonly isStale: boolean;
  report(error: Error): void;
  lookNow(): Promise<void>;
  close(): Promise<void>;
}

/** A moment by two clocks: one is never set, and the other goes on while the machine is suspended. */
export interface Moment {
  /** By `performance.now()`. */
  readonly steadyMs: number;
  /** By `Date.now()`. */
  readonly wallMs: number;
}

/** This moment. */
export function readClocks(): Moment {
  return { steadyMs: performance.now(), wallMs: Date.now() };
}

/** How long ago a moment was; by the clock that says more. */
export function ageMs({ steadyMs, wallMs }: Moment): number {
  return Math.max(performance.now() - steadyMs, Date.now() - wallMs);
}

/** The date of a moment. The other clock says nothing of the time for which the machine was suspended before. */
export function toDate({ wallMs }: Moment): Date {
  return new Date(wallMs);
}
