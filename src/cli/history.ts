import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addExamples, addFormatOptions } from './flags.ts';

interface HistoryFlags {
  readonly actor?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
}

/** Adds `casbin-bootstrap history`: who changed what, when and why. */
export function addHistoryCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('history')
    .description('Show who changed the policy, when and why, by the journal of the rule table.')
    .argument('[values...]', 'only rules with all of these values: a user, a role, a resource')
    .option('--actor <name>', 'only changes by this actor')
    .option('--since <time>', 'not before: 2026-11-01, 2026-11-01T12:00Z, 90m, 24h or 7d ago', parseMoment)
    .option('--until <time>', 'before that time', parseMoment)
    .option('--limit <number>', 'how many, of the newest', parseLimit, 100);
  addFormatOptions(command, 'news');
  addDatabaseOptions(command);
  addExamples(command, [
    'history',
    'history carol --since 7d',
    'history clerk invoices write --format json',
    'history --actor jane --since 2026-11-01 --limit 1000',
  ]);
  command.action((values: string[]) => run<HistoryFlags>(command, (context) => showHistory(values, context)));
}

async function showHistory(
  values: readonly string[],
  { flags, options, withDatabase }: CommandContext<HistoryFlags>,
): Promise<Outcome> {
  const { readJournal } = await import('../index.ts');
  const { readJournalState } = await import('../running/journal.ts');
  const { listHistoryRemarks, renderHistory } = await import('../render/history.ts');
  const { schema, table } = options;
  const place = { schema, table: typeof table === 'object' ? table.name : table };
  const value = values.length === 0 ? undefined : values;
  const { actor, since, until, limit } = flags;
  return withDatabase(async ({ pool, where }) => {
    const entries = await readJournal(pool, { ...place, actor, since, until, value, limit });
    const state = entries.length > 0 ? null : await readJournalState(pool, place);
    return {
      document: entries,
      pretty: ({ color }) => renderHistory(entries, { where, color, limit, state }),
      remarks: () => listHistoryRemarks(entries),
    };
  });
}

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads a date, a time with its offset, or a duration before now. */
function parseMoment(text: string): Date {
  const [, amount, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const moment =
    amount === undefined
      ? new Date(isTime(text) ? text : Number.NaN)
      : new Date(Date.now() - Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS]);
  if (!Number.isNaN(moment.getTime())) return moment;
  throw new InvalidArgumentError(
    'Give a date, as 2026-11-01, a time, as 2026-11-01T12:00Z, or 90m, 24h or 7d.',
  );
}

/** Whether a text is a date or a time of the calendar. JavaScript takes February 30 for March 2. */
function isTime(text: string): boolean {
  const [, day] = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.exec(text) ?? [];
  const midnight = new Date(day ?? Number.NaN);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day}T`);
}

function parseLimit(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1 to 999999999.');
}
