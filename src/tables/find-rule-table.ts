import type { ClientLike } from '../database/client.ts';
import { ENGINE_EXPRESSION, type Engine, engineOf, POSTGRESQL } from '../database/engine.ts';
import { DatabaseError, type Problem } from '../errors.ts';
import { ColumnsTable, futureColumnsTable, type TableIndex, type ValueColumn } from './columns-table.ts';
import { DocumentTable } from './document-table.ts';
import { type RuleTable, type RuleTableOptions, USUAL_NAMES } from './rule-table.ts';

/** Which rule table is meant. What is not given is found by looking at the tables that are there. */
export type TableChoice = Partial<RuleTableOptions>;

/** What is wrong with the option, where nothing else has checked it. */
export function checkTable(given: unknown): Problem[] {
  const name: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'name') : given;
  if (given === undefined || (typeof name === 'string' && name !== '')) return [];
  const message = 'must be the name of a table, or an object with a name';
  return [{ code: 'OPTION_INVALID', at: 'table', message }];
}

/** The choice that an option makes. */
export function toTableChoice(given: string | RuleTableOptions | undefined): TableChoice {
  return typeof given === 'string' ? { name: given } : { ...given };
}

/** The rule table of an application. */
export interface FoundTable {
  /** If it is missing, the table that a bootstrap makes. */
  readonly table: RuleTable;
  readonly isMissing: boolean;
}

/**
 * Finds the rule table: the one that is named, else the one that has one of the usual names.
 *
 * @param schema where to look; by default, wherever the connection's search_path finds it
 * @param given what the server is; by default, what it says with the shapes of its tables
 * @throws DatabaseError `TABLE_SHAPE` for a named table that is none for rules, `RULE_TABLE_AMBIGUOUS` where two could
 *   be meant
 */
export async function findRuleTable(
  client: ClientLike,
  schema: string | undefined,
  choice: TableChoice,
  given?: Engine,
): Promise<FoundTable> {
  const names = choice.name === undefined ? USUAL_NAMES : [choice.name];
  const { shapes, engine } = await readShapes(client, names, schema, given);
  if (choice.name !== undefined) return findNamed(shapes[0], schema, choice, engine);
  const recognised = shapes.flatMap((shape) => {
    const table = recognise(shape, choice, engine);
    return table instanceof Misshapen ? [] : { table, isReadable: shape.isReadable };
  });
  // A table that this role may not read belongs to somebody else, unless there is no other table.
  const readable = recognised.filter(({ isReadable }) => isReadable);
  const candidates = (readable.length > 0 ? readable : recognised).map(({ table }) => table);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return { table: only, isMissing: false };
  if (candidates.length > 1) return choose(client, candidates);
  // Something that is not a table may have its name. The migration that makes the table refuses that.
  return { table: expectTable(choice, schema, engine), isMissing: true };
}

function findNamed(
  shape: Shape | undefined,
  schema: string | undefined,
  choice: TableChoice,
  engine: Engine,
): FoundTable {
  if (shape === undefined) return { table: expectTable(choice, schema, engine), isMissing: true };
  const table = recognise(shape, choice, engine);
  if (!(table instanceof Misshapen)) return { table, isMissing: false };
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Table ${shape.sql} is not a rule table: ${table.reasons.join('; ')}. Nothing was changed. Name another one by the table option, or bring this one into that shape.`,
  );
}

/** The table that is made where the database has none. */
export function expectTable(
  { name, layout }: TableChoice,
  schema: string | undefined,
  engine: Engine = POSTGRESQL,
): RuleTable {
  // Not every engine has jsonb columns and unique constraints on them.
  const usual = !engine.commitsDdl && (name === undefined || name === 'casbin') ? 'document' : 'columns';
  if ((layout ?? usual) === 'document') return new DocumentTable(name, schema, undefined, engine);
  return futureColumnsTable(name ?? 'casbin_rule', schema, engine);
}

/**
 * Chooses the only table that holds rules. An empty `casbin` beside it is refused too: the application may read it by
 * now, or an earlier release of this library may have made it.
 */
async function choose(client: ClientLike, candidates: readonly RuleTable[]): Promise<FoundTable> {
  const { rows } = await client.query(
    `select array_to_json(array[${candidates.map(({ sql }) => `exists (select from ${sql})`).join(', ')}]) as filled`,
  );
  const filled: boolean[] = rows[0]?.filled ?? [];
  const [table, ...others] = candidates.filter((_, index) => filled[index]);
  const isClear = candidates.every(({ name }) => name !== 'casbin') || table?.name === 'casbin';
  if (table !== undefined && others.length === 0 && isClear) return { table, isMissing: false };
  throw await ambiguous(client, table !== undefined && others.length > 0 ? [table, ...others] : candidates);
}

async function ambiguous(client: ClientLike, tables: readonly RuleTable[]): Promise<DatabaseError> {
  const { rows } = await client.query(
    `select array_to_json(array[${tables.map(({ sql }) => `(select count(*) from ${sql})`).join(', ')}]) as counts`,
  );
  const counts: number[] = rows[0]?.counts ?? [];
  const list = tables.map(({ sql }, index) => `${sql} (${describeCount(counts[index] ?? 0)})`).join(' and ');
  const trap = tables.some(({ name }) => name === 'casbin')
    ? ' Earlier releases of casbin-bootstrap made and filled "casbin", whichever table the application reads: if no application reads it, drop it.'
    : '';
  const options = tables.map(option).join(' or ');
  return new DatabaseError(
    'RULE_TABLE_AMBIGUOUS',
    `Rules could be in more than one table: ${list}. Nothing was changed, as only one of them decides. Name the one that the application's adapter reads: ${options}.${trap}`,
  );
}

function option({ name }: RuleTable): string {
  return `table: '${name}'`;
}

function describeCount(count: number): string {
  if (count === 0) return 'empty';
  return count === 1 ? '1 row' : `${count} rows`;
}

/** A relation as the catalog describes it. */
interface Shape {
  readonly schema: string;
  readonly name: string;
  /** Its name as SQL. */
  readonly sql: string;
  readonly isReadable: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[];
  readonly indexes: readonly TableIndex[];
}

/** The shapes of the relations with one of the names, in the order of the names, and the engine. */
async function readShapes(
  client: ClientLike,
  names: readonly string[],
  schema: string | undefined,
  engine: Engine | undefined,
): Promise<{ shapes: Shape[]; engine: Engine }> {
  const { rows } = await client.query(
    `select
       n.nspname::text as schema,
       c.relname::text as name,
       format('%I.%I', n.nspname, c.relname) as sql,
       has_table_privilege(c.oid, 'select') as "isReadable",
       ${engine === undefined ? ENGINE_EXPRESSION : "''"} as engine,
       (
         select coalesce(json_agg(json_build_object(
           -- Under quote_all_identifiers, types come quoted.
           'number', a.attnum,
           'name', a.attname,
           'type', replace(format_type(a.atttypid, a.atttypmod), '"', ''),
           'notNull', a.attnotnull
         )), '[]')
         from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       ) as columns,
       (
         select coalesce(json_agg(json_build_object(
           'unique', i.indisunique,
           'numbers', i.indkey::int2[],
           'length', i.indnkeyatts
         )), '[]')
         from pg_catalog.pg_index i
         where i.indrelid = c.oid
         and i.indisvalid
         and i.indpred is null
         and (select x.relam from pg_catalog.pg_class x where x.oid = i.indexrelid) in (${BTREE}, ${HASH})
       ) as indexes
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relname = any($1::text[])
     and c.relkind in ('r', 'p', 'v', 'm', 'f')
     and case when $2::text is null then n.nspname !~ '^pg_' and pg_table_is_visible(c.oid) else n.nspname = $2 end
     order by array_position($1::text[], c.relname::text)`,
    [names, schema ?? null],
  );
  const shapes = rows.map((row): Shape => {
    const columns: (Shape['columns'][number] & { number: number })[] = row.columns;
    const nameOf = new Map(columns.map(({ number, name }) => [number, name]));
    const indexes = row.indexes.map(({ unique, numbers, length }: CatalogIndex): TableIndex => {
      return { unique, columns: numbers.slice(0, length).map((number) => nameOf.get(number) ?? null) };
    });
    return { ...row, columns: columns.toSorted((one, other) => one.number - other.number), indexes };
  });
  return { shapes, engine: engine ?? engineOf(rows[0]?.engine ?? '') };
}

/** Access methods whose indexes can find equal values: the numbers of pg_am.dat, the same in every database. */
const BTREE = 403;
const HASH = 405;

/** An index as the catalog has it: columns by number, 0 for an expression; columns after the length are only included. */
interface CatalogIndex {
  readonly unique: boolean;
  readonly numbers: readonly number[];
  readonly length: number;
}

/** Why a table is not a rule table. */
class Misshapen {
  readonly reasons: readonly string[];

  constructor(...reasons: readonly string[]) {
    this.reasons = reasons;
  }
}

/** The rule table of this shape; with the layout that was chosen, if one was. */
function recognise(shape: Shape, { layout, duplicates }: TableChoice, engine: Engine): RuleTable | Misshapen {
  const document = layout === 'columns' ? null : recogniseDocument(shape, engine);
  const columns = layout === 'document' ? null : recogniseColumns(shape, duplicates === 'remove', engine);
  const found = [document, columns].find((one) => one !== null && !(one instanceof Misshapen));
  if (found instanceof DocumentTable || found instanceof ColumnsTable) return found;
  return new Misshapen(
    ...[document, columns].flatMap((one) => (one instanceof Misshapen ? one.reasons : [])),
  );
}

function recogniseDocument({ name, schema, sql, columns }: Shape, engine: Engine): DocumentTable | Misshapen {
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const missing = ['id', 'ptype', 'rule'].filter((column) => !types.has(column));
  const rule = types.get('rule');
  const faults = [
    ...missing.map((column) => `column "${column}" is missing`),
    ...(rule === undefined || rule === 'jsonb' ? [] : [`column "rule" is ${rule}, not jsonb`]),
  ];
  if (faults.length > 0) return new Misshapen(`as (id, ptype, rule jsonb), ${faults.join(', ')}`);
  return new DocumentTable(name, schema, sql, engine);
}

/** Rules of models with domains need so many columns for values; no adapter makes a table with fewer. */
const FEWEST_VALUES = 4;

function recogniseColumns(
  { name, schema, sql, columns, indexes }: Shape,
  removesDuplicates: boolean,
  engine: Engine,
): ColumnsTable | Misshapen {
  const byName = new Map(columns.map((column) => [column.name, column]));
  // Some adapters for Go use this name.
  const ptype = byName.get('ptype') ?? byName.get('p_type');
  const last = Math.max(
    FEWEST_VALUES - 1,
    ...columns.map((column) => Number(/^v(\d{1,3})$/.exec(column.name)?.[1] ?? 0)),
  );
  const wanted = Array.from({ length: last + 1 }, (_, position) => `v${position}`);
  const values = wanted.flatMap((wantedName) => byName.get(wantedName) ?? []);
  const faults = [
    ...(ptype === undefined ? ['column "ptype" is missing'] : []),
    ...wanted.filter((column) => !byName.has(column)).map((column) => `column "${column}" is missing`),
    ...[...(ptype === undefined ? [] : [ptype]), ...values]
      .filter(({ type }) => limitOf(type) === undefined)
      .map((column) => `column "${column.name}" is ${column.type}, not text or character varying`),
  ];
  if (ptype === undefined || faults.length > 0)
    return new Misshapen(`as (ptype, v0 … v${last}), ${faults.join(', ')}`);
  const toValueColumn = (column: Shape['columns'][number]): ValueColumn => ({
    name: column.name,
    limit: limitOf(column.type) ?? null,
    notNull: column.notNull,
  });
  const hasId = indexes.some((index) => index.unique && index.columns.join() === 'id');
  return new ColumnsTable({
    engine,
    name,
    schema,
    sql,
    identity: hasId ? 'id' : 'ctid',
    identityType: hasId ? (byName.get('id')?.type ?? '') : 'tid',
    ptype: toValueColumn(ptype),
    values: values.map(toValueColumn),
    indexes,
    removesDuplicates,
    isMissing: false,
  });
}

/** How many characters a type takes, null for any number; undefined for a type that changes what is written. */
function limitOf(type: string): number | null | undefined {
  if (type === 'text' || type === 'character varying') return null;
  const limit = /^character varying\((\d+)\)$/.exec(type)?.[1];
  return limit === undefined ? undefined : Number(limit);
}
