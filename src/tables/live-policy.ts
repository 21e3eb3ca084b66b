import { type RawBuilder, sql } from 'kysely';
import { RuleReader, type StoredRule } from '../casbin/rule-row.ts';
import type { Scope, SliceLimit, SliceScope } from '../casbin/scope.ts';
import { asClient } from '../database/own-queries.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { ReportDone } from '../progress.ts';
import { PORTION, readPortions } from './portions.ts';
import type { RuleTable } from './rule-table.ts';

/** PostgreSQL stores no text with this character, and refuses a query for one. */
const NUL = '\0';

/**
 * Reads stored rules, of each ptype in the order of their ids. Throws StoredRuleError for rows that no enforcer can
 * load.
 *
 * @param known the defined rules, if they are known: where there are many, the others are read in portions too
 */
export async function readLivePolicy(
  trx: AnyTransaction,
  table: RuleTable,
  scope: Scope | SliceScope,
  known: RuleSet = new RuleSet([]),
  report: ReportDone = () => {},
): Promise<StoredRule[]> {
  const query = selectScope(table, scope);
  const reader = new RuleReader(table, known);
  let rules: StoredRule[] = [];
  if (known.rules.length <= PORTION) rules = reader.read((await query.execute(trx)).rows);
  else {
    let count = 0;
    const { sql: text, parameters } = query.compile(trx);
    await readPortions(asClient(trx), table, { text, values: [...parameters] }, (rows) => {
      for (const rule of reader.read(rows)) rules.push(rule);
      count += rows.length;
      // The number of rules is not known; there are probably at least as many as are defined.
      report(count, Math.max(known.rules.length, count + 1));
    });
    report(count, count);
  }
  reader.requireReadable();
  if (!isEmptied(scope, rules)) return rules;
  const other = reader.read((await selectAnyOther(table).execute(trx)).rows);
  reader.requireReadable();
  return [...other, ...rules];
}

function selectScope(table: RuleTable, scope: Scope | SliceScope): RawBuilder<SelectedRow> {
  if (scope.kind === 'whole') return sql.raw(wholeText(table));
  return scope.kind === 'reachable' ? selectReachable(table, scope) : selectSlice(table, scope);
}

/** Whether no `p` rule was read although the table may have some: Casbin would then decide on empty values. */
export function isEmptied(scope: Scope | SliceScope, rules: readonly Rule[]): boolean {
  return scope.kind === 'reachable' && scope.bySubject && !rules.some(({ ptype }) => ptype === 'p');
}

/** A row as it is selected, for the table to read. */
export type SelectedRow = Record<string, unknown>;

/** A rule that no request can match, if there is one. */
function selectAnyOther(table: RuleTable) {
  return sql.raw<SelectedRow>(
    `select ${table.columns('stored')} from ${table.sql} stored where ${table.ptype('stored')} = 'p' limit 1`,
  );
}

/** @param condition on the table as a whole: without it, no row is read */
export function wholeText(table: RuleTable, condition = 'true'): string {
  return `select ${table.columns('stored')} from ${table.sql} stored where ${condition} order by stored.${table.identity}`;
}

const ALWAYS = sql<boolean>`true`;

/** As {@link reachableText}, by a scope. */
export function selectReachable(
  table: RuleTable,
  { names, bySubject }: Extract<Scope, { kind: 'reachable' }>,
  condition?: string,
): RawBuilder<SelectedRow> {
  const [before, after] = reachableText(table, bySubject, condition);
  return sql`${sql.raw(before)}${storable(names)}::text[]${sql.raw(after)}`;
}

/**
 * Looks up the rules of each name, by an index where the table has one. Rows without a first value are read too, as no
 * enforcer can load them.
 *
 * @param condition as for {@link wholeText}
 * @returns the SQL before an expression for the names, and behind it
 */
export function reachableText(table: RuleTable, bySubject: boolean, condition = 'true'): [string, string] {
  const rulesOfName = table.rowsWith(0, 'reached.name');
  const [ptype, second, hasFirst] = [table.ptype('c'), table.value('c', 1), table.hasFirst('c')];
  const all = table.identity === 'ctid' ? 'c.ctid, c.*' : 'c.*';
  const policyRules = `select ${all} from ${table.sql} c where ${ptype} ^@ 'p' and ${hasFirst} and ${condition} union all`;
  const after = `)
      where ${condition}
      union
      select ${second}
      from reached
      cross join ${rulesOfName} c
      where ${ptype} ^@ 'g'
    ),
    found as (
      select c.* from reached cross join ${rulesOfName} c where ${hasFirst} and ${bySubject ? 'true' : `(${ptype} ^@ 'p') is not true`}
      union all
      ${bySubject ? '' : policyRules}
      select c.* from ${table.rowsWithoutFirst} c where ${condition}
    )
    select ${table.columns('found')} from found order by found.${table.identity}`;
  return ['with recursive reached (name) as (select unnest(', after];
}

/** The names that PostgreSQL can store. */
export function storable(names: readonly string[]): string[] {
  return names.filter((name) => !name.includes(NUL));
}

/**
 * Looks up the rules of a slice. It also reads rules without a domain and rows without a first value, because they do
 * not fit the model, which has to be reported.
 */
function selectSlice(table: RuleTable, { subjects, domains, limits }: SliceScope): RawBuilder<SelectedRow> {
  const raw = (text: string) => sql.raw(text);
  const ptype = raw(table.ptype('c'));
  const isInDomain = ({ domainAt }: SliceLimit) => {
    if (domainAt === null) return ALWAYS;
    const value = raw(table.value('c', domainAt));
    return sql<boolean>`(${value} = any(${['', ...storable(domains)]}::text[]) or ${value} is null)`;
  };
  const inDomains = [...limits]
    .filter(([, { domainAt }]) => domainAt !== null)
    .map(([name, limit]) => sql`(${ptype} is distinct from ${name} or ${isInDomain(limit)})`);
  const inAnyDomain = sql.join([ALWAYS, ...inDomains], raw(' and '));
  const unlimited = [...limits].filter(([, { bySubject }]) => !bySubject);
  const rulesOfName = raw(table.rowsWith(0, 'reached.name'));
  const hasFirst = raw(table.hasFirst('c'));
  const all = raw(table.identity === 'ctid' ? 'c.ctid, c.*' : 'c.*');
  const ofPtypes = unlimited.map(
    ([name, limit]) =>
      sql`select ${all} from ${raw(table.sql)} c where ${ptype} = ${name} and ${hasFirst} and ${isInDomain(limit)}`,
  );
  const ofNames = sql`
    select c.* from reached cross join ${rulesOfName} c
    where ${hasFirst} and ${inAnyDomain} and (${ptype} = any(${unlimited.map(([name]) => name)}::text[])) is not true
  `;
  const withoutFirst = sql`select c.* from ${raw(table.rowsWithoutFirst)} c`;
  return sql<SelectedRow>`
    with recursive reached (name) as (
      select unnest(${storable(subjects)}::text[])
      union
      select ${raw(table.value('c', 1))}
      from reached
      cross join ${rulesOfName} c
      where ${ptype} ^@ 'g' and ${inAnyDomain}
    ),
    found as (${sql.join([ofNames, ...ofPtypes, withoutFirst], raw(' union all '))})
    select ${raw(table.columns('found'))} from found order by found.${raw(table.identity)}
  `;
}
