import { escapeControls } from './escape-controls.ts';
import type { Remark } from './remark.ts';

/**
 * Renders remarks as compilers print them, each in a line that begins with its place: for grep and editors. No line break
 * at the end.
 */
export function renderCompact(remarks: readonly Remark[]): string {
  return remarks.map(renderLine).join('\n');
}

function renderLine(remark: Remark): string {
  const { at, subject, level, code } = remark;
  const told = describeLevel(remark);
  const parts = [at, subject, told].filter((part) => part !== null && part !== undefined && part !== '');
  const line = escapeControls(parts.join(': ').replaceAll(/\s*\n\s*/g, ' '));
  return level === 'error' || level === 'warning' ? `${line} [${code}]` : line;
}

/** What has a subject is told by its outcome; what has none, by its message. */
function describeLevel({ level, subject, message }: Remark): string {
  const words = { pass: 'ok', error: 'failed', warning: 'warning', note: '' } as const;
  if (subject === undefined) return level === 'warning' ? `warning: ${message}` : message;
  return [words[level], message].filter((part) => part !== '').join(', ');
}
