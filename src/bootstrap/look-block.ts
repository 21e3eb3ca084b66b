import { type RawBuilder, sql } from 'kysely';
import { quoteIdentifier, quoteTable } from '../database/catalog.ts';
import { anonymousBlock, toLiteral } from '../database/message.ts';
import { searchPathTo } from '../database/transaction.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { reachableText, storable, wholeText } from '../tables/live-policy.ts';
import { possibleNames, type RuleTable } from '../tables/rule-table.ts';
import {
  columnsExpression,
  ID_TYPE,
  indexesExpression,
  type SelectedParts,
  type TableShape,
} from '../tables/table-shape.ts';
import { countLimit, type PolicyPlan } from './read-policy.ts';

/** What a block found out about the rule table. */
export interface BlockFindings {
  /** How many tables could be the rule table. */
  readonly candidates: number;
  /**
   * What to fetch. From the expected table: `all` rules, or those that the definition can reach. From another one: all
   * rows, in the order of `id` or `ctid`. Nothing if there is not exactly one table, or if it is too large.
   */
  readonly fetched: 'all' | 'reachable' | 'id' | 'ctid' | 'nothing';
  /** The name, as SQL, of another table than the expected one; null for the expected one. */
  readonly sql: string | null;
  /** Its schema and its name in it. */
  readonly path: readonly [string, string] | null;
  /** For another table than the expected one, if its rows are not fetched. */
  readonly shape: (SelectedParts & Pick<TableShape, 'isView'>) | null;
  /** The number of stored rules, up to the limit of counting; 0 for few. */
  readonly rules: number;
  /** The schema that the table is in; null for the expected table in the first schema of the search_path. */
  readonly home: string | null;
}

const CURSOR = 'casbin_bootstrap_rules';

/** A setting of this library's own, in which a message keeps what the block has found until the transaction ends. */
const FOUND = 'casbin_bootstrap.found';

/**
 * A table of up to this size has at most 873 rows (291 fit into a page of 8 kB). That is always read as a whole, so the
 * rows are not counted. A size of 0 proves nothing, because views and partitioned tables have it.
 */
const FEW_BYTES = 3 * 8_192;

/** The rule table in the block, as a regclass; null if there is none. */
export const FOUND_TABLE = 'tables[1]';

/**
 * A block that finds the rule table, whatever its layout and columns, and opens a cursor on its rules. So one message
 * can read a table about which nothing is known.
 *
 * Names of tables in it are those of the options, or come from the catalog, quoted by the server. What it finds is used
 * only if the code that finds rule tables elsewhere agrees.
 *
 * @param plan what to read; null for nothing
 * @param lists tables with the names of applied migrations, which may be missing; null for a list that is not needed
 * @param expressions further SQL expressions to evaluate
 */
export function lookBlock(
  options: ResolvedOptions,
  plan: PolicyPlan | null,
  lists: Readonly<Record<string, string | null>>,
  expressions: Readonly<Record<string, string>>,
): string {
  const { schema, table, ruleTable } = options;
  const tables = possibleNames(table).map((name) => `to_regclass(${toLiteral(quoteTable(name, schema))})`);
  const own = {
    candidates: 'cardinality(tables)',
    fetched: 'fetched',
    sql: 'identity',
    path: 'parse_ident(identity)',
    shape: 'shape',
    rules: 'stored',
    home: 'home',
  };
  const variables = Object.keys(lists).map((name) => [name, quoteIdentifier(name)] as const);
  const found = [...variables, ...Object.entries({ ...expressions, ...own })];
  return anonymousBlock(`
declare
  rules refcursor := '${CURSOR}';
  tables regclass[] := array_remove(array[${tables.join(', ')}], null);
  stored int := 0;
  fetched text := 'nothing';
  identity text;
  shape json;
  home text := ${toLiteral(schema)};
  ${variables.map(([, variable]) => `${variable} json := '[]';`).join('\n  ')}
begin
  ${Object.entries(lists)
    .map(([name, list]) => readList(name, list))
    .join('')}
  if cardinality(tables) > 1 then
    tables := array(
      select distinct a.attrelid
      from pg_catalog.pg_attribute a
      where a.attrelid = any(tables) and a.attname in ('ptype', 'p_type')
    );
  end if;
  if cardinality(tables) = 1 then
    if coalesce(pg_relation_size(${FOUND_TABLE}), 0) not between 1 and ${FEW_BYTES} then
      execute format('select count(*) from (select from %s limit ${countLimit(options)}) counted', ${FOUND_TABLE}) into stored;
    end if;
    ${ruleTable.layout === 'document' && plan !== null ? openExpected(ruleTable, plan) : ''}
    if fetched = 'nothing' then
      identity := (pg_identify_object('pg_catalog.pg_class'::regclass, ${FOUND_TABLE}, 0)).identity;
      if ${isWhole(plan)} then
        begin
          open rules for execute format('select *, pg_typeof(id) as %I from %s order by id', '${ID_TYPE}', ${FOUND_TABLE});
          fetched := 'id';
        exception when undefined_column then
          open rules for execute format('select ctid, * from %s order by ctid', ${FOUND_TABLE});
          fetched := 'ctid';
        end;
      else
        execute ${SHAPE} into shape using ${FOUND_TABLE};
      end if;
    end if;
  end if;
  if fetched = 'nothing' then
    open rules for select;
  end if;
  ${schema === undefined ? findHome(ruleTable) : ''}
  perform set_config('${FOUND}', json_build_object(${found.map(([name, value]) => `'${name}', ${value}`).join(', ')})::text, true);
end`);
}

/**
 * Asks the catalog, which takes longer, only if the table that was found is not the expected one of the first schema.
 */
function findHome({ name }: RuleTable): string {
  const expected = toLiteral(`.${quoteIdentifier(name)}`);
  return `
  if ${FOUND_TABLE} is distinct from to_regclass(quote_ident(current_schema()) || ${expected}) then
    home := (
      select n.nspname
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.oid = ${FOUND_TABLE}
    );
  end if;`;
}

/** Reads what the block has found, and sets the search_path to where the rule table is. */
export function selectFound(): RawBuilder<unknown> {
  const found = sql`current_setting(${FOUND})::json`;
  return sql`select ${found} as found, ${searchPathTo(sql`${found} ->> 'home'`)}`;
}

/** Fetches the rows of the cursor that the block has opened. */
export const FETCH_RULES = `fetch all from ${quoteIdentifier(CURSOR)}`;

function readList(name: string, list: string | null): string {
  if (list === null) return '';
  return `
  if to_regclass(${toLiteral(list)}) is not null then
    ${quoteIdentifier(name)} := (select coalesce(json_agg(name), '[]') from ${list});
  end if;`;
}

function isWhole(plan: PolicyPlan | null): string {
  if (plan === null) return 'false';
  return plan.wholeUpTo === Number.POSITIVE_INFINITY ? 'true' : `stored <= ${plan.wholeUpTo}`;
}

/** A temporary table of the connection's own is found before any other, and is not the rule table. */
const IS_LASTING = `(
      pg_my_temp_schema() = 0
      or (select relnamespace from pg_catalog.pg_class where oid = ${FOUND_TABLE}) <> pg_my_temp_schema()
    )`;

/** Tries the expected layout; of a large table, it reads the rules that the definition can reach. */
function openExpected(table: RuleTable, plan: PolicyPlan): string {
  const { part } = plan;
  const reachable =
    part &&
    `
        else
          open rules for execute ${toLiteral(reachableText(table, part.bySubject).join('$1'))} using ${toLiteral(storable(part.names))}::text[];
          fetched := 'reachable';`;
  return `
    if ${FOUND_TABLE} = to_regclass(${toLiteral(table.sql)}) and ${IS_LASTING} then
      begin
        if ${isWhole(plan)} then
          open rules for execute ${toLiteral(wholeText(table))};
          fetched := 'all';${reachable ?? ''}
        end if;
      exception when undefined_column then
        fetched := 'nothing';
      end;
    end if;`;
}

/** The shape of the relation $1, apart from its name. */
const SHAPE = toLiteral(`
  select json_build_object(
    'isView', (select relkind = 'v' from pg_catalog.pg_class where oid = $1),
    'columns', ${columnsExpression('$1')},
    'indexes', ${indexesExpression('$1')}
  )`);
