import { renderCompact } from '../render/compact.ts';
import { renderAnnotations } from '../render/github.ts';
import { renderJunit } from '../render/junit.ts';
import type { Remark } from '../render/remark.ts';
import { toSarif } from '../render/sarif.ts';
import type { Format } from './flags.ts';
import type { Terminal } from './terminal.ts';
import { readVersion } from './version.ts';

/** What the remarks are of. */
export interface RemarkRun {
  readonly command: string;
  /** When it began, by the clock of `performance`. */
  readonly started: number;
}

/** Prints remarks in a format that is made of them; nothing where there is nothing to print. */
export function printRemarks(
  remarks: readonly Remark[],
  format: Exclude<Format, 'pretty' | 'json'>,
  terminal: Terminal,
  { command, started }: RemarkRun,
): void {
  if (format === 'sarif') terminal.printJson(toSarif(remarks, readVersion()));
  else {
    const junit = { name: `casbin-bootstrap ${command}`, durationMs: performance.now() - started };
    const text = {
      compact: () => renderCompact(remarks),
      github: () => renderAnnotations(remarks),
      junit: () => renderJunit(remarks, junit),
    }[format]();
    if (text !== '') terminal.print(text);
  }
}
