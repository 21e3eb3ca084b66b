import { formatRule } from '../policy/rule.ts';
import type { JournalEntry, JournalState } from '../running/journal.ts';
import { count, type DatabaseLook, describeWriter, paint } from './phrases.ts';
import { type Remark, remark } from './remark.ts';
import { renderTable } from './table.ts';

interface HistoryLook extends DatabaseLook {
  /** How many entries were asked for at most. */
  readonly limit: number;
  /** The state of the journal, if it has no such entry; else null. */
  readonly state: JournalState | null;
}

/** How many of the newest entries are shown; JSON has all of them. */
const SHOWN = 5_000;

const CHANGE_COLUMNS = [
  { title: 'at (UTC)' },
  { title: 'change' },
  { title: 'by' },
  { title: 'reason' },
] as const;

/** Renders entries of a journal as a table, the newest last. No line break at the end. */
export function renderHistory(entries: readonly JournalEntry[], look: HistoryLook): string {
  const database = `Database: ${look.where}`;
  if (look.state !== null) return `${database}\n\n${describeNothing(look.state)}`;
  const describe = describerOf(entries);
  const rows = entries
    .slice(-SHOWN)
    .map((entry) => [
      `${entry.at.toISOString().slice(0, 19).replace('T', ' ')}`,
      describe(entry),
      describeWriter(entry),
      entry.reason ?? '',
    ]);
  const hidden =
    entries.length > SHOWN
      ? [`… and ${count(entries.length - SHOWN, 'older change')}, which --format json shows.`]
      : [];
  const more =
    entries.length < look.limit ? '' : ' There may be older ones: give a higher --limit, or --until.';
  const total = `${count(entries.length, 'change')}, the newest last.${more}`;
  return [database, ...hidden, renderTable(CHANGE_COLUMNS, rows), paint('dim', total, look)].join('\n\n');
}

function describeNothing({ isEmpty, isRecording }: JournalState): string {
  const fact = isEmpty ? 'Nothing was recorded yet.' : 'The journal has no such change.';
  if (isRecording) return fact;
  return `${fact} Changes are not recorded: set journal: true in casbin-bootstrap.config, and run casbin-bootstrap seed.`;
}

/** The same as remarks. */
export function listHistoryRemarks(entries: readonly JournalEntry[]): Remark[] {
  const describe = describerOf(entries);
  return entries.map((entry) => {
    const reason = entry.reason === null ? '' : `, ${entry.reason}`;
    const message = `${describe(entry)}, by ${describeWriter(entry)}${reason}`;
    return remark('note', 'CHANGE', message, entry.at.toISOString());
  });
}

/** Describes a change, with its table if the journal has several. */
function describerOf(entries: readonly JournalEntry[]): (entry: JournalEntry) => string {
  const several = new Set(entries.map(({ table }) => table)).size > 1;
  return (entry) => `${describeChange(entry)}${several ? ` (${entry.table})` : ''}`;
}

function describeChange({ operation, ptype, values }: JournalEntry): string {
  if (operation === 'truncated') return '- all rules';
  return `${operation === 'added' ? '+' : '-'} ${formatRule({ ptype: ptype ?? '', values })}`;
}
