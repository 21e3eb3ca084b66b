import { RECORDED_RULES, VERSIONS } from '../../migrations/0004_ownership.ts';
import { quoteTable, quoteText } from '../database/catalog.ts';
import { lockStatement } from '../database/lock.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import type { Ownership, RolePositions } from '../policy/ownership.ts';
import type { Rule } from '../policy/rule.ts';
import { replaceInJson } from '../tables/document-table.ts';
import { futureColumnsTable } from '../tables/find-rule-table.ts';
import { followRename, toRecordText } from '../tables/rule-record.ts';
import type { RuleTable } from '../tables/rule-table.ts';

/** A setting of the session: whether the rule table existed before the script. */
const MADE_BEFORE = 'casbin_bootstrap.made_before';

/** A statement to run before the tables are created. */
export function rememberWhatWasMade(list: string, { migrationName }: RuleTable): string {
  return `perform set_config('${MADE_BEFORE}', (exists (select from ${list} where name = ${quoteText(migrationName)}))::text, false);`;
}

/** The statements of {@link writeOwned} use these. */
export const OWNED_DECLARATIONS = 'newest_version integer; newest_changes text; is_ours boolean;';

/** A temporary table with the rules. */
const GIVEN = 'casbin_bootstrap_given';

/**
 * Writes what a bootstrap does for a definition with a version, as the statements of a block: they rename and retire,
 * record the rules, and insert the missing ones that do not stay away. They read the record in the database, so they
 * can be run on any database, any number of times.
 */
export function writeOwned(options: ResolvedOptions, ownership: Ownership): string[] {
  const { ruleTable, defined, changedBy, schema } = options;
  const { before, rules, after } = viewOf(ruleTable);
  const { version, changes } = ownership;
  const source = quoteText(ruleTable.name);
  const versions = quoteTable(VERSIONS, schema);
  const context = [
    ['actor', changedBy.actor],
    ['reason', ''],
    ['release', String(version)],
  ] as const;
  const tell = ([name, text]: readonly [string, string]) =>
    `perform set_config('casbin_bootstrap.${name}', ${quoteText(text)}, true);`;
  const isNew = `newest_version is distinct from ${version} or newest_changes <> ${quoteText(changes)}`;
  const renames = writeRenamed(rules, ownership, source);
  const record = `insert into ${versions} (source, version, changes) values (${source}, ${version}, ${quoteText(changes)}) on conflict (source, version) do update set changes = excluded.changes, at = excluded.at where ${VERSIONS}.changes <> excluded.changes;`;
  return [
    `perform ${lockStatement(schema)};`,
    `lock table ${ruleTable.sql} in share row exclusive mode;`,
    ...before,
    `${followRename(rules)};`,
    `select version, changes into newest_version, newest_changes from ${versions} where source = ${source} order by version desc limit 1;`,
    `if newest_version > ${version} then`,
    `  raise warning 'The database was bootstrapped with version % of the policy, and this is version ${version}: the policy stays as it is', newest_version;`,
    'else',
    ...indentAll([
      `is_ours := newest_version is null and coalesce(current_setting('${MADE_BEFORE}', true), '') = 'true';`,
      ...context.map(tell),
      ...(renames.length === 0 ? [] : [`if ${isNew} then`, ...indentAll(renames), 'end if;']),
      ...writeRetired(rules, ownership, source),
      ...insertAndRecord(rules, defined.rules, ownership, source),
      record,
      ...context.map(([name]) => tell([name, ''])),
    ]),
    'end if;',
    ...after,
  ];
}

/** The condition for the column that holds the ptype, as part of a query for one column. */
export const IS_PTYPE = `attname in ('ptype', 'p_type') order by attname = 'ptype' desc limit 1`;

/** A temporary view, by which the statements find the rows and their ptype, whatever these columns are called. */
const FOUND = 'casbin_bootstrap_found';

/**
 * Its column that tells all rows apart: each partition has places of its own, and may have an `id` of another. A view
 * has no places.
 */
const PLACE = 'place';

/** The rule table for the statements, and what makes and drops what they need for it. */
interface FoundRules {
  readonly before: readonly string[];
  readonly rules: RuleTable;
  readonly after: readonly string[];
}

/**
 * A table of documents has the same columns everywhere. One of columns may call its ptype otherwise, and have no `id`
 * that tells rows apart.
 */
export function viewOf(table: RuleTable): FoundRules {
  if (table.layout !== 'columns') return { before: [], rules: table, after: [] };
  const { name, schema, engine, written } = table;
  const values = written.split(', ').slice(1);
  const view = `pg_temp.${FOUND}`;
  const oid = `${quoteText(table.sql)}::regclass`;
  const isView = `select from pg_catalog.pg_class where oid = ${oid} and relkind = 'v'`;
  const isUnique = `select from pg_catalog.pg_index where indrelid = attrelid and indisunique and indisvalid and indpred is null and indnkeyatts = 1 and indkey[0] = attnum`;
  const hasId = `select from pg_catalog.pg_attribute where attrelid = ${oid} and attname = 'id' and (exists (${isUnique}) or exists (${isView}))`;
  const id = `case when exists (${hasId}) then 'id' else 'ctid' end`;
  const place = `case when exists (${isView}) then 'id::text' else 'concat(tableoid, ctid)' end`;
  const ptype = `(select attname from pg_catalog.pg_attribute where attrelid = ${oid} and ${IS_PTYPE})`;
  const select = `select %s as id, %s as ${PLACE}, %I as ptype, ${values.join(', ')} from %s`;
  return {
    before: [
      `execute format('create temporary view ${FOUND} as ${select}', ${id}, ${place}, ${ptype}, ${oid});`,
    ],
    rules: futureColumnsTable(name, schema, engine, values.length, view),
    after: [`drop view ${view};`],
  };
}

function indentAll(statements: readonly string[]): string[] {
  return statements.map((statement) => `  ${statement}`);
}

/** Rows to change, of the rule table or of the record. */
interface Movable {
  /** The table, as SQL. */
  readonly sql: string;
  /** The column that identifies a row. */
  readonly identity: string;
  /** The expression by which the first of several rows is found, which stays. */
  readonly order: string;
  readonly ptype: string;
  /** The values of a row as a jsonb array of texts, `stored` being the row. */
  readonly values: string;
  /** The value at a position. */
  value(position: number): string;
  /** The assignments that give a row other values, by position. */
  replace(values: ReadonlyMap<number, string>): string;
  /** The condition for all of these rows. */
  readonly condition: string;
}

function movableRules(table: RuleTable): Movable {
  return {
    sql: table.sql,
    identity: table.layout === 'columns' ? PLACE : table.identity,
    order: `stored.${table.identity}`,
    ptype: table.ptype('stored'),
    values: `(select jsonb_agg(coalesce(value, '') order by n) from jsonb_array_elements_text(${table.valuesAsJson('stored')}) with ordinality as one (value, n))`,
    value: (position) => table.value('stored', position),
    replace: (values) => table.replacing(values),
    condition: 'true',
  };
}

function movableRecord({ schema }: RuleTable, source: string): Movable {
  return {
    sql: quoteTable(RECORDED_RULES, schema),
    identity: 'ctid',
    order: '(stored.revoked_at is not null, stored.inserted, stored.rule)',
    ptype: 'stored.ptype',
    values: 'stored.rule::jsonb',
    value: (position) => `stored.rule::jsonb ->> ${position}`,
    replace: (values) => `rule = ${recordTextOf(replaceInJson('stored.rule::jsonb', values))}`,
    condition: `stored.source = ${source}`,
  };
}

function writeRenamed(
  table: RuleTable,
  { renamedRoles: names, rolesAt }: Ownership,
  source: string,
): string[] {
  if (names.size === 0) return [];
  const [from, to] = [[...names.keys()], [...names.values()]];
  return [movableRules(table), movableRecord(table, source)].flatMap((rows) => {
    const replaced = (position: number) => {
      const ptypes = [...rolesAt].filter(([, positions]) => positions.includes(position));
      const value = rows.value(position);
      return `case when ${rows.ptype} in (${ptypes.map(([ptype]) => quoteText(ptype)).join(', ')}) then ${replaceName(value, names)} else ${value} end`;
    };
    return moveStatements(rows, {
      condition: isOfRoles(rows, from, rolesAt),
      values: new Map([...rolesAt.values()].flat().map((position) => [position, replaced(position)])),
      reached: isOfRoles(rows, to, rolesAt),
    });
  });
}

/** Removes the rules of retired roles that bootstraps have inserted, and gives users another role. */
function writeRetired(table: RuleTable, ownership: Ownership, source: string): string[] {
  const { retiredRoles, retiredRules, rolesAt } = ownership;
  if (retiredRoles.size + retiredRules.length === 0) return [];
  const [rules, record] = [movableRules(table), movableRecord(table, source)];
  const isRetired = (rows: Movable, isListed: string) =>
    [
      isOfRoles(rows, [...retiredRoles.keys()], rolesAt),
      ...(retiredRules.length === 0 ? [] : [isListed]),
    ].join(' or ');
  const { names, isSame } = table.give(retiredRules);
  const listed = `exists (select from (values ${listRows(table, retiredRules)}) as given (n, ${names}, recorded) where ${isSame('stored')})`;
  const texts = retiredRules.map((rule) => `(${quoteText(rule.ptype)}, ${quoteText(toRecordText(rule))})`);
  const recorded = `(stored.ptype, stored.rule) in (${texts.join(', ')})`;
  const newRoles = new Map(
    [...retiredRoles].flatMap(([role, next]) => (next === null ? [] : [[role, next]])),
  );
  const role = rules.value(1);
  const links = [...rolesAt.keys()].filter((ptype) => ptype.startsWith('g'));
  const isLinkTo = (roles: Iterable<string>) =>
    `${rules.ptype} = any (${arrayOf(links)}) and ${role} = any (${arrayOf([...roles])})`;
  return [
    `delete from ${table.sql} stored using ${record.sql} record where (${isRetired(rules, listed)}) and record.source = ${source} and record.inserted and record.ptype = ${rules.ptype} and record.rule = ${recordTextOf(withoutEmptyEnd(table))};`,
    ...(newRoles.size === 0
      ? []
      : moveStatements(rules, {
          condition: isLinkTo(newRoles.keys()),
          values: new Map([[1, replaceName(role, newRoles)]]),
          reached: isLinkTo(newRoles.values()),
        })),
    `delete from ${record.sql} stored where ${record.condition} and (${isRetired(record, recorded)});`,
  ];
}

/** Changes rows, and removes a row that would then equal another one, or link a role to itself. */
function moveStatements(
  rows: Movable,
  {
    condition,
    values: given,
    reached,
  }: { condition: string; values: ReadonlyMap<number, string>; reached: string },
): string[] {
  const { sql, identity, order, ptype, values, replace } = rows;
  const chosen = `${rows.condition} and (${condition})`;
  return [
    `with moving as materialized (select stored.${identity} as place, ${order} as position, ${ptype} as ptype, ${values} as before, ${replaceInJson(values, given)} as after from ${sql} stored where ${chosen}), ` +
      `present as materialized (select ${ptype} as ptype, ${values} as after from ${sql} stored where ${rows.condition} and (${reached})), ` +
      'ranked as (select moving.*, first_value(before) over (partition by ptype, after order by position) as kept from moving) ' +
      `delete from ${sql} stored using ranked where stored.${identity} = ranked.place and ((ranked.ptype ^@ 'g' and ranked.after ->> 0 = ranked.after ->> 1) or ranked.before <> ranked.kept or (ranked.ptype, ranked.after) in (select ptype, after from present));`,
    `update ${sql} stored set ${replace(given)} where ${chosen};`,
  ];
}

function isOfRoles({ ptype, value }: Movable, roles: readonly string[], rolesAt: RolePositions): string {
  const isOne = (position: number) => `${value(position)} = any (${arrayOf(roles)})`;
  return [...rolesAt]
    .map(([own, positions]) => `(${ptype} = ${quoteText(own)} and (${positions.map(isOne).join(' or ')}))`)
    .join(' or ');
}

function replaceName(name: string, names: ReadonlyMap<string, string>): string {
  const cases = [...names].map(([from, to]) => `when ${quoteText(from)} then ${quoteText(to)}`);
  return `case ${name} ${cases.join(' ')} else ${name} end`;
}

function arrayOf(names: readonly string[]): string {
  return `array[${names.map(quoteText).join(', ')}]::text[]`;
}

/** The values of a stored row, without empty columns at its end. */
function withoutEmptyEnd(table: RuleTable): string {
  const values = table.valuesAsJson('stored');
  if (table.layout === 'document') return values;
  const all = `select value, n, max(n) filter (where value <> '') over () as last from jsonb_array_elements_text(${values}) with ordinality as one (value, n)`;
  return `(select jsonb_agg(coalesce(value, '') order by n) from (${all}) filled where n <= last)`;
}

/** The text as {@link toRecordText} writes it; the text of jsonb has blanks after commas. */
function recordTextOf(values: string): string {
  return `(select '[' || string_agg(to_json(value)::text, ',' order by n) || ']' from jsonb_array_elements_text(${values}) with ordinality as one (value, n))`;
}

function insertAndRecord(
  table: RuleTable,
  rules: readonly Rule[],
  { version, keeps }: Ownership,
  source: string,
): string[] {
  const record = quoteTable(RECORDED_RULES, table.schema);
  const { names, values, isSame } = table.give(rules);
  const isRecorded = `record.source = ${source} and record.ptype = given.ptype and record.rule = given.recorded`;
  const kept = rules.flatMap((rule, index) => (keeps(rule) ? [index + 1] : []));
  const vanished =
    kept.length === 0
      ? ''
      : ` or (given.n = any (array[${kept.join(', ')}]) and record.last_version = newest_version)`;
  return [
    `create temporary table ${GIVEN} as select given.*, not exists (select from ${table.sql} stored where ${isSame('stored')}) and not exists (select from ${record} record where ${isRecorded} and (record.revoked_at is not null${vanished})) as comes from (values`,
    listRows(table, rules, '\n    '),
    `  ) as given (n, ${names}, recorded);`,
    `update ${record} record set inserted = record.inserted or given.comes, last_version = ${version} from ${GIVEN} given where ${isRecorded} and (record.last_version <> ${version} or (given.comes and not record.inserted));`,
    `insert into ${record} (source, ptype, rule, inserted, first_version, last_version) select ${source}, given.ptype, given.recorded, given.comes or is_ours, ${version}, ${version} from ${GIVEN} given where not exists (select from ${record} record where ${isRecorded});`,
    `insert into ${table.sql} (${table.written}) select ${values} from ${GIVEN} given where given.comes order by given.n ${table.onConflict};`,
    `drop table ${GIVEN};`,
  ];
}

/** The rules as rows of `n`, what the table takes, and the text of the record. */
function listRows(table: RuleTable, rules: readonly Rule[], separator = ' '): string {
  const { arrays } = table.give(rules);
  const rows = rules.map((rule, position) => {
    const written = arrays.map((array) => quoteText(array[position] ?? ''));
    return `(${[position + 1, ...written, quoteText(toRecordText(rule))].join(', ')})`;
  });
  return `${separator.slice(1)}${rows.join(`,${separator}`)}`;
}
