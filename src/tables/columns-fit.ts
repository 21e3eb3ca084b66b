import { quoteIdentifier } from '../database/catalog.ts';
import type { Problem } from '../errors.ts';
import { formatRule, formatText, type Rule } from '../policy/rule.ts';

/** A column that holds a value of a rule, or its ptype. */
export interface ValueColumn {
  readonly name: string;
  /** How many characters it takes; null for no limit. */
  readonly limit: number | null;
  readonly notNull: boolean;
}

/** The columns of a table in which each value has a column of its own. */
interface RuleColumns {
  /** The name of the table, quoted. */
  readonly sql: string;
  readonly ptype: ValueColumn;
  readonly values: readonly ValueColumn[];
}

/** Finds rules that do not fit the columns of a table. */
export function findUnfitRules(
  columns: RuleColumns,
  rules: readonly (Rule & { readonly at?: string })[],
): Problem[] {
  return rules.flatMap((rule, index) =>
    describeMisfits(columns, rule).map((message): Problem => {
      return { code: 'RULE_DOES_NOT_FIT_TABLE', at: rule.at ?? `rule ${index + 1}`, message };
    }),
  );
}

function describeMisfits({ sql, ptype: ptypeColumn, values: columns }: RuleColumns, rule: Rule): string[] {
  const room = columns.length;
  const { ptype, values } = rule;
  if (values.length > room) {
    const names = `${columns[0]?.name} to ${columns.at(-1)?.name}`;
    const next = `alter table ${sql} add column v${room} varchar`;
    return [
      `"${formatRule(rule)}" has ${values.length} values, and ${sql} has ${room} columns for them (${names}). ` +
        `Shorten it, or add columns: ${next}; the adapter that reads the table must know them too.`,
    ];
  }
  const tooLong = [ptypeColumn, ...columns].flatMap((column, position) => {
    const text = position === 0 ? ptype : (values[position - 1] ?? '');
    return isLonger(text, column.limit) ? [describeTooLong(sql, rule, column, text)] : [];
  });
  if (values.at(-1) !== '') return tooLong;
  const message = `"${formatRule(rule)}" ends with an empty value, which ${sql} stores as no value. Leave it out, or give another.`;
  return [...tooLong, message];
}

function describeTooLong(sql: string, rule: Rule, { name, limit }: ValueColumn, text: string): string {
  return (
    `column "${name}" of ${sql} takes ${limit} characters, and ${formatText(text)} in "${formatRule(rule)}" has ${[...text].length}. ` +
    `Shorten it, or widen the column: alter table ${sql} alter column ${quoteIdentifier(name)} type text`
  );
}

/** PostgreSQL counts code points. Most texts are short enough by their number of code units, so that is tried first. */
function isLonger(text: string, limit: number | null): boolean {
  return limit !== null && text.length > limit && [...text].length > limit;
}
