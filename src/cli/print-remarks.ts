import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BootstrapError, InvalidOptionsError, VerificationError } from '../errors.ts';
import { type Remark, remark } from '../render/remark.ts';
import { renderAnnotations, renderCompact, renderJunit, toSarif } from '../render/remark-formats.ts';
import { reasonOf } from '../text.ts';
import type { Format } from './flags.ts';
import { type Redact, stringifyRedacted } from './redact.ts';
import type { Terminal } from './terminal.ts';

/** The run of a command that made the remarks. */
export interface RemarkRun {
  readonly command: string;
  /** When it began, by the clock of `performance`. */
  readonly started: number;
  /** The file of the project that remarks without a place are about. */
  readonly file: string;
}

/**
 * Prints remarks in one of their formats; prints nothing if the text is empty. Secrets are hidden in the remarks, not
 * in the text: it writes them in another form, and a password may be a part of its syntax.
 */
export function printRemarks(
  given: readonly Remark[],
  format: Exclude<Format, 'pretty' | 'json'>,
  terminal: Terminal,
  { command, started, file }: RemarkRun,
): void {
  const remarks = given.map((remark) => redactRemark(remark, terminal.redact));
  if (format === 'sarif') {
    terminal.printData(JSON.stringify(toSarif(remarks, readVersion(), file, findRepository()), null, 2));
  } else {
    const junit = { name: `casbin-bootstrap ${command}`, durationMs: performance.now() - started };
    const text = {
      compact: () => renderCompact(remarks),
      github: () => renderAnnotations(remarks, findRepository()),
      junit: () => renderJunit(remarks, junit),
    }[format]();
    if (text !== '') terminal.printData(text);
  }
}

/** The folder of the repository, which is above the working directory in one with several packages. */
function findRepository(): string {
  const cwd = process.cwd();
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder;
    if (folder === dirname(folder)) return cwd;
  }
}

/** The level and the code are our own words, by which readers know a remark. */
function redactRemark({ level, code, ...texts }: Remark, redact: Redact): Remark {
  return { level, code, ...JSON.parse(stringifyRedacted(texts, redact)) };
}

/**
 * The error of a command as remarks: each problem of the input, each finding of a verification, or the error itself.
 */
export async function listErrorRemarks(error: unknown): Promise<Remark[]> {
  if (error instanceof InvalidOptionsError) {
    return error.problems.map(({ code, at, message }): Remark => ({ level: 'error', code, at, message }));
  }
  if (error instanceof VerificationError) {
    const { listVerificationRemarks } = await import('../render/verification.ts');
    return listVerificationRemarks(error.report);
  }
  const [code, message] =
    error instanceof BootstrapError ? [error.code, error.message] : ['UNEXPECTED', reasonOf(error)];
  return [remark('error', code, message)];
}

/** The version of this package. */
export function readVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('casbin-bootstrap/package.json');
  return version;
}
