import { type Command, Option } from 'commander';
import type { VerificationReport } from '../report.ts';
import { EXIT, type ExitCode } from './exit-code.ts';

/** What ends a command with the exit code for a difference. */
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

/** The exit code for what a verification found. */
export function exitCodeFor(report: VerificationReport, { failOn }: FailOnFlags): ExitCode {
  if (!report.ok) return EXIT.FAILURE;
  if (failOn === 'none') return EXIT.SUCCESS;
  if (report.drift.length + report.omitted.drift > 0) return EXIT.DIFFERENCE;
  // An integrity finding of a report that is ok is a warning.
  const hasWarnings = report.warnings.length + report.integrity.length > 0;
  return failOn === 'warning' && hasWarnings ? EXIT.DIFFERENCE : EXIT.SUCCESS;
}
