import type { InitReport } from '../init/init-project.ts';
import { escapeControls } from '../text.ts';
import { listBelow } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** Renders what was done to a project, and what to run next. No line break at the end. */
export function renderInit({ created, changed, kept, notes, next }: InitReport): string {
  return [
    ...listBelow('Created:', created),
    ...listBelow('Changed:', changed),
    ...listBelow('Left as they are:', kept),
    ...notes.map(escapeControls),
    ...listBelow('Next:', next),
  ].join('\n\n');
}

/** The same as remarks, each file at its place. */
export function listInitRemarks({ created, changed, kept, notes, next }: InitReport): Remark[] {
  const tell = (code: string, message: string, files: readonly string[]) =>
    files.map((at): Remark => ({ level: 'note', code, at, message }));
  return [
    ...tell('FILE_CREATED', 'created', created),
    ...tell('FILE_CHANGED', 'changed', changed),
    ...tell('FILE_KEPT', 'left as it is', kept),
    ...notes.map((message) => remark('note', 'NOTE', message)),
    ...next.map((message) => remark('note', 'NEXT', message, 'next')),
  ];
}
