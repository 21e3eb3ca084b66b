import { styleText } from 'node:util';
import { formatValue } from '../policy/rule.ts';
import { escapeControls } from '../text.ts';
import type { RowId, RuleOrigin, VerificationReport } from '../verification-report.ts';

/** Whether to use terminal colours. */
export interface Colors {
  /** Default: false. */
  readonly color?: boolean;
}

/** The look of what a command found in a database. */
export interface DatabaseLook extends Colors {
  /** The database, without its password. */
  readonly where: string;
}

/** The text in a colour or style of the terminal, if colours are on. */
export function paint(style: Parameters<typeof styleText>[0], text: string, { color }: Colors): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}

/** `1 rule`, `2 rules`, `1,234 rules`; pass the plural if it is not the noun with an s. */
export function count(amount: number, noun: string, plural = `${noun}s`): string {
  return `${amount.toLocaleString('en-US')} ${amount === 1 ? noun : plural}`;
}

/** Values as a policy line has them: `p, user, accounts, read`. One that would be misread is in quotes. */
export function policyLine(values: readonly string[]): string {
  return values.map(formatValue).join(', ');
}

/** How many rows of a rule are listed. */
const LISTED_ROWS = 10;

/** The ids of the rows that hold a rule: `row 3, 7`. */
export function listRows(ids: readonly RowId[]): string {
  const rest = ids.length - LISTED_ROWS;
  const more = rest > 0 ? ` and ${rest.toLocaleString('en-US')} more` : '';
  return `row ${ids.slice(0, LISTED_ROWS).join(', ')}${more}`;
}

/** What follows a list of which only the first entries are shown; empty if it is whole. */
export function andMore(all: number, shown: number): string {
  return all > shown ? `\n  … and ${count(all - shown, 'more', 'more')}` : '';
}

/** A headline and lines below it, as one paragraph; none if there are no lines. */
export function listBelow(headline: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return [[headline, ...lines.map((line) => `  ${escapeControls(line)}`)].join('\n')];
}

/** How many failures a verification has found, also those that its report does not list. */
export function countFailures({ failures, omitted, integrity }: VerificationReport): number {
  return (
    failures.length + omitted.failures + integrity.filter(({ severity }) => severity === 'failure').length
  );
}

/** How many findings of drift, also those that the report does not list. */
export function countDrift({ drift, omitted }: VerificationReport): number {
  return drift.length + omitted.drift;
}

/** A duration as a person reads it: `85 ms`, `2.4 s`. */
export function duration(ms: number): string {
  return Math.round(ms) < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Who made a change: the actor, or, for writers that give none, what the server knows about them. */
export function describeWriter({
  actor,
  role,
  application,
}: Omit<RuleOrigin, 'rule' | 'at' | 'reason'>): string {
  if (actor !== null) return actor;
  return application === null ? `role ${role}` : `role ${role} (${application})`;
}

/** Who added a rule, when and why: `g, carol, clerk — by jane, 2026-11-27 15:37 UTC: ticket 7`. */
export function describeOrigin(origin: RuleOrigin): string {
  const at = origin.at.toISOString().slice(0, 16).replace('T', ' ');
  const reason = origin.reason === null ? '' : `: ${origin.reason}`;
  return `${policyLine(origin.rule)} — by ${describeWriter(origin)}, ${at} UTC${reason}`;
}
