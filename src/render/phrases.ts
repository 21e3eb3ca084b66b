import { styleText } from 'node:util';
import { formatRule, formatValue, toRule } from '../policy/rule.ts';
import type { RuleOrigin } from '../report.ts';

/** Whether to use terminal colours. */
export interface Colors {
  /** Default: false. */
  readonly color?: boolean;
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

/** A duration as a person reads it: `85 ms`, `2.4 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
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
  return `${formatRule(toRule(origin.rule))} — by ${describeWriter(origin)}, ${at} UTC${reason}`;
}
