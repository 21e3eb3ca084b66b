import { type Command, CommanderError, Option } from 'commander';
import { ConnectionError, InvalidOptionsError } from '../errors.ts';
import type { VerificationReport } from '../verification-report.ts';

/** The exit codes of the process. */
export const EXIT = {
  SUCCESS: 0,
  FAILURE: 1,
  /** Wrong arguments, options, configuration, model or policy; `lint` reports problems of the last two. */
  WRONG_INPUT: 2,
  /** The database has more than the definition, or a bootstrap would change it. */
  DIFFERENCE: 3,
  /** The database can't be reached, or the connection to it was lost. */
  UNREACHABLE: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The meanings of the exit codes. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT.SUCCESS]: 'fine',
  [EXIT.FAILURE]: 'failed; a problem that lint found',
  [EXIT.WRONG_INPUT]: 'wrong arguments, configuration, model or policy',
  [EXIT.DIFFERENCE]: 'drift, or a bootstrap would change the database; with --fail-on warning, a warning',
  [EXIT.UNREACHABLE]: "the database can't be reached",
};

/** The exit code of a command that ended with an error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.SUCCESS : EXIT.WRONG_INPUT;
  if (error instanceof InvalidOptionsError) return EXIT.WRONG_INPUT;
  if (error instanceof ConnectionError) return EXIT.UNREACHABLE;
  return EXIT.FAILURE;
}

/** Which findings end a command with the exit code for a difference. */
export interface FailOnFlags {
  readonly failOn: 'drift' | 'warning' | 'none';
}

/** @param differences what `drift` means for this command */
export function addFailOnOption(command: Command, differences: string): void {
  command.addOption(
    new Option('--fail-on <what>', `end with exit code 3 on ${differences}, on warnings too, or never`)
      .choices(['drift', 'warning', 'none'])
      .default('drift'),
  );
}

/** The exit code for the result of a verification. */
export function exitCodeFor(report: VerificationReport, { failOn }: FailOnFlags): ExitCode {
  if (!report.ok) return EXIT.FAILURE;
  if (failOn === 'none') return EXIT.SUCCESS;
  if (report.drift.length + report.omitted.drift > 0) return EXIT.DIFFERENCE;
  // An integrity finding of a report that is ok is a warning.
  const hasWarnings = report.warnings.length + report.integrity.length > 0;
  return failOn === 'warning' && hasWarnings ? EXIT.DIFFERENCE : EXIT.SUCCESS;
}
