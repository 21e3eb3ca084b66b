import { formatRule, toRule } from '../policy/rule.ts';
import type { RuleOrigin } from '../report.ts';

/** Who wrote: other writers than this library say nothing of their actor; what the server knows of them is told then. */
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
