import type { InitReport } from '../init-project.ts';
import { escapeControls } from './table.ts';

/** Renders what was done to a project, and what to run next. No line break at the end. */
export function renderInit({ created, changed, kept, notes, next }: InitReport): string {
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${escapeControls(line)}`)].join('\n')];
  return [
    ...list('Created:', created),
    ...list('Changed:', changed),
    ...list('Left as they are:', kept),
    ...notes.map(escapeControls),
    ...list('Next:', next),
  ].join('\n\n');
}
