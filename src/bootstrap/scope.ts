import { sql } from 'kysely';
import { reachableScope, type Scope } from '../casbin/live-policy.ts';
import { tableIn } from '../database/table.ts';
import type { ResolvedOptions } from '../options/resolve.ts';

/** A table with at most this many rules more than are defined is read whole. */
const WHOLE_TABLE_SLACK = 1_000;

/** Small tables are read whole; of large ones, what the definition can reach. */
export function chooseScope(options: ResolvedOptions, ruleCount: number): Scope {
  // Custom functions and role managers may link any names.
  const everything = options.verify?.full === true || options.configureEnforcer !== undefined;
  if (everything || ruleCount <= wholeTableLimit(options)) return { kind: 'whole' };
  return reachableScope(options.model, options.rules, options.requests);
}

/** Counts the stored rules, as far as it matters for {@link chooseScope}. */
export function ruleCountExpression(options: ResolvedOptions, schema: string | undefined) {
  const limit = wholeTableLimit(options) + 1;
  return sql`(select count(*)::int from (select from ${tableIn(schema, 'casbin')} limit ${limit}) counted)`;
}

function wholeTableLimit({ rules }: ResolvedOptions): number {
  return rules.length + WHOLE_TABLE_SLACK;
}
