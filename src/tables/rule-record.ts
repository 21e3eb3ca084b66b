import { RECORDED_RULES, VERSIONS } from '../../migrations/0004_ownership.ts';
import { quoteIdentifier, quoteTable, quoteText } from '../database/catalog.ts';
import type { ClientLike, QueryResultLike } from '../database/client.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { inPortions } from './portions.ts';
import type { RuleTable } from './rule-table.ts';

/** The newest version of a definition that a rule table was bootstrapped with. */
export interface RecordedVersion {
  readonly version: number;
  /** What that version retired and renamed, as text. */
  readonly changes: string;
}

/** A defined rule that a bootstrap has inserted or found. */
export interface RecordedRule extends Rule {
  /** Whether a bootstrap inserted it, not another writer. */
  readonly inserted: boolean;
  /** The newest version that has defined it. */
  readonly lastVersion: number;
  /** Null unless `changePolicy` has revoked it with a reason. */
  readonly revoked: Revocation | null;
}

/** Who revoked a defined rule, why and when. */
export interface Revocation {
  readonly actor: string;
  readonly reason: string;
  readonly at: Date;
}

/**
 * An SQL expression for the newest version, as JSON; null if none is recorded.
 *
 * @param source an expression for the name of the rule table
 */
export function newestVersionExpression(source: string, schema: string | undefined): string {
  return `(
    select json_build_object('version', version, 'changes', changes)
    from ${quoteTable(VERSIONS, schema)}
    where source = ${source}
    order by version desc
    limit 1
  )`;
}

/** Null if none is recorded. */
export async function readNewestVersion(
  client: ClientLike,
  table: RuleTable,
): Promise<RecordedVersion | null> {
  const { rows } = await client.query(
    `select ${newestVersionExpression(quoteText(table.name), table.schema)} as newest`,
  );
  return rows[0].newest;
}

/**
 * A statement that gives the table the record of its former name: the only table that has a record, is gone, and had
 * rules that are stored in this one. It does nothing if the table has a record.
 */
export function followRename(table: RuleTable): string {
  const [versions, record] = [VERSIONS, RECORDED_RULES].map((name) => quoteTable(name, table.schema));
  const source = quoteText(table.name);
  const place = table.schema === undefined ? '' : `${quoteText(`${quoteIdentifier(table.schema)}.`)} || `;
  return `with former as (
    select min(source) as source
    from ${versions} version
    where to_regclass(${place}quote_ident(source)) is null
    and not exists (select from ${versions} where source = ${source})
    and exists (
      select
      from ${record} record
      join ${table.sql} stored
        on ${table.ptype('stored')} = record.ptype
        and ${table.value('stored', 0)} = record.rule::jsonb ->> 0
        and ${table.value('stored', 1)} = record.rule::jsonb ->> 1
      where record.source = version.source
    )
    having count(distinct source) = 1
  ), moved as (
    update ${record} record set source = ${source} from former where record.source = former.source
  )
  update ${versions} version set source = ${source} from former where version.source = former.source`;
}

/** Records that the table was bootstrapped with this version. */
export async function recordVersion(
  client: ClientLike,
  table: RuleTable,
  { version, changes }: RecordedVersion,
): Promise<void> {
  await client.query(
    `insert into ${quoteTable(VERSIONS, table.schema)} (source, version, changes)
     values ($1, $2, $3)
     on conflict (source, version) do update set changes = excluded.changes, at = excluded.at`,
    [table.name, version, changes],
  );
}

/**
 * Reads the rules of the record: all, or those that were revoked with a reason. Where roles become one, the first of
 * their equal rules stays: one that was not revoked, and that a bootstrap did not insert, if there is such a rule.
 */
export async function readRecordedRules(
  client: ClientLike,
  table: RuleTable,
  selection: 'all' | 'revoked',
): Promise<RecordedRule[]> {
  const { rows } = await client.query(
    `select
       ptype, rule, inserted, last_version, revoked_by, revoked_reason,
       (extract(epoch from revoked_at) * 1000)::text as revoked_at
     from ${quoteTable(RECORDED_RULES, table.schema)}
     where source = $1 ${selection === 'all' ? '' : 'and revoked_at is not null'}
     order by revoked_at is not null, inserted, rule`,
    [table.name],
  );
  return rows.map(({ ptype, rule, inserted, last_version, revoked_at, revoked_by, revoked_reason }) => ({
    ptype,
    values: JSON.parse(rule),
    inserted,
    lastVersion: last_version,
    revoked:
      revoked_at === null
        ? null
        : { actor: revoked_by, reason: revoked_reason, at: new Date(Number(revoked_at)) },
  }));
}

/** How to record the rules of a definition. */
export interface RuleRecording {
  readonly version: number;
  /** Whether the bootstrap is about to insert it. */
  isInserted(rule: Rule): boolean;
  /** Whether already stored rules count as inserted by a bootstrap. */
  readonly areOurs: boolean;
}

/**
 * Records the rules of a definition, just before the missing ones are inserted, which then count as inserted by the
 * bootstrap. It uses two statements, because CockroachDB does not change a table twice in one.
 */
export async function recordRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  { version, isInserted, areOurs }: RuleRecording,
): Promise<void> {
  const record = quoteTable(RECORDED_RULES, table.schema);
  for (const portion of inPortions(rules)) {
    const given = `unnest($1::text[], $2::text[], $3::text[]) as given (ptype, recorded, inserted)`;
    const isSame = 'record.source = $4 and record.ptype = given.ptype and record.rule = given.recorded';
    const parameters = [
      portion.map(({ ptype }) => ptype),
      portion.map(toRecordText),
      portion.map((rule) => String(isInserted(rule))),
      table.name,
      version,
    ];
    await client.query(
      `update ${record} record
       set inserted = record.inserted or given.inserted::boolean, last_version = $5::int
       from ${given}
       where ${isSame}
       and (record.last_version <> $5::int or (given.inserted::boolean and not record.inserted))`,
      parameters,
    );
    await client.query(
      `insert into ${record} (source, ptype, rule, inserted, first_version, last_version)
       select $4, given.ptype, given.recorded, given.inserted::boolean or $6::boolean, $5::int, $5::int
       from ${given}
       where not exists (select from ${record} record where ${isSame})`,
      [...parameters, areOurs],
    );
  }
}

/** Removes rules from the record. */
export async function forgetRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<void> {
  await onRecorded(client, table, rules, (record) => `delete from ${record} record using given`);
}

/** Those of the given rules that are in the record. */
export async function selectRecorded(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<RuleSet> {
  const found = await onRecorded(
    client,
    table,
    rules,
    (record) => `select record.ptype, record.rule from ${record} record, given`,
  );
  return new RuleSet(found.map(({ ptype, rule }) => ({ ptype, values: JSON.parse(rule) })));
}

/** Records who revoked rules and why, if they are in the record; with null, that they were granted again. */
export async function recordRevocation(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  revocation: Omit<Revocation, 'at'> | null,
): Promise<void> {
  await onRecorded(
    client,
    table,
    rules,
    (record) => `
      update ${record} record
      set revoked_at = case when $4::text is null then null else statement_timestamp() end,
        revoked_by = $4,
        revoked_reason = $5
      from given`,
    [revocation?.actor ?? null, revocation?.reason ?? null],
    'and (record.revoked_at is not null or $4::text is not null)',
  );
}

async function onRecorded(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  change: (record: string) => string,
  parameters: readonly unknown[] = [],
  condition = '',
): Promise<QueryResultLike['rows']> {
  if (rules.length === 0) return [];
  const { rows } = await client.query(
    `with given as materialized (
       select * from unnest($2::text[], $3::text[]) as given (ptype, recorded)
     )
     ${change(quoteTable(RECORDED_RULES, table.schema))}
     where record.source = $1 and record.ptype = given.ptype and record.rule = given.recorded ${condition}`,
    [table.name, rules.map(({ ptype }) => ptype), rules.map(toRecordText), ...parameters],
  );
  return rows;
}

/** Renames rules in the record. If the new name is already in the record, the old entry is only removed. */
export async function renameRecorded(
  client: ClientLike,
  table: RuleTable,
  moves: readonly { readonly from: Rule; readonly to: Rule | null }[],
): Promise<void> {
  const record = quoteTable(RECORDED_RULES, table.schema);
  const pairs = moves.flatMap(({ from, to }) => (to === null ? [] : [{ from, to }]));
  if (pairs.length > 0) {
    await client.query(
      `update ${record} record
       set rule = given.next
       from unnest($2::text[], $3::text[], $4::text[]) as given (ptype, recorded, next)
       where record.source = $1 and record.ptype = given.ptype and record.rule = given.recorded
       and not exists (
         select from ${record} other
         where other.source = $1 and other.ptype = given.ptype and other.rule = given.next
       )`,
      [
        table.name,
        pairs.map(({ from }) => from.ptype),
        pairs.map(({ from }) => toRecordText(from)),
        pairs.map(({ to }) => toRecordText(to)),
      ],
    );
  }
  await forgetRules(
    client,
    table,
    moves.map(({ from }) => from),
  );
}

/** The values of a rule as text, as the record stores them. */
export function toRecordText({ values }: Rule): string {
  return JSON.stringify(values);
}
