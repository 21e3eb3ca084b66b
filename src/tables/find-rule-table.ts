import { MADE_VALUES } from '../../migrations/0001_casbin_rule.ts';
import { quoteTable, quoteText } from '../database/catalog.ts';
import { orNotCitus, type Placement, placementExpression } from '../database/citus.ts';
import type { ClientLike } from '../database/client.ts';
import { ENGINE_EXPRESSION, type Engine, engineOf, POSTGRESQL } from '../database/engine.ts';
import { DatabaseError, type Problem } from '../errors.ts';
import { ColumnsTable } from './columns-table.ts';
import { DocumentTable } from './document-table.ts';
import { possibleNames, type RuleTable, type RuleTableOptions } from './rule-table.ts';
import {
  columnsExpression,
  indexesExpression,
  Misshapen,
  recognise,
  type TableShape,
  toShapeParts,
} from './table-shape.ts';

/** Which rule table to use. Missing parts are found by looking at the existing tables. */
export type TableChoice = Partial<RuleTableOptions>;

/** The problems of the option, if nothing else has checked it. */
export function checkTable(given: unknown): Problem[] {
  const name: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'name') : given;
  if (given === undefined || (typeof name === 'string' && name !== '')) return [];
  const message = 'must be the name of a table, or an object with a name';
  return [{ code: 'OPTION_INVALID', at: 'table', message }];
}

/** Converts the option to a choice. */
export function toTableChoice(given: string | RuleTableOptions | undefined): TableChoice {
  return typeof given === 'string' ? { name: given } : { ...given };
}

/** The rule table of an application. */
export interface FoundTable {
  /** The table; if it is missing, the one that a bootstrap would create. */
  readonly table: RuleTable;
  readonly isMissing: boolean;
}

/**
 * Finds the rule table: the one that is named, else the one that has one of the usual names.
 *
 * @param schema where to look; by default, wherever the connection's search_path finds it
 * @param given the engine of the server; by default, it is read together with the tables
 * @throws DatabaseError `TABLE_SHAPE` if the named table, or the only one that looks like a rule table, can't be used
 *   as one; also for a view of rules without ids. `RULE_TABLE_AMBIGUOUS` if rules could be in two tables,
 *   `TABLE_DISTRIBUTED` if Citus keeps the table in parts
 * @throws InvalidOptionsError if the given engine is Citus and the server is not
 */
export async function findRuleTable(
  client: ClientLike,
  schema: string | undefined,
  choice: TableChoice,
  given?: Engine,
): Promise<FoundTable> {
  const { shapes, engine } = await readShapes(client, possibleNames(choice), schema, given);
  // Only Citus can be asked where it keeps a table.
  if (given === undefined && engine.name === 'citus') return findRuleTable(client, schema, choice, engine);
  const found =
    choice.name === undefined
      ? await findUsual(client, shapes, schema, choice, engine)
      : findNamed(shapes[0], schema, choice, engine);
  const placement = shapes.find((shape) => shape.sql === found.table.sql)?.placement;
  if (!found.isMissing && placement === 'parts') refuseParts(found.table);
  return found;
}

async function findUsual(
  client: ClientLike,
  shapes: readonly TableShape[],
  schema: string | undefined,
  choice: TableChoice,
  engine: Engine,
): Promise<FoundTable> {
  const recognised = shapes.flatMap((shape) => {
    const table = requireIdentity(recognise(shape, choice, engine), shape);
    return table instanceof Misshapen ? [] : { table, isReadable: shape.isReadable };
  });
  // A table that this role may not read belongs to somebody else, unless there is no other table.
  const readable = recognised.filter(({ isReadable }) => isReadable);
  const candidates = (readable.length > 0 ? readable : recognised).map(({ table }) => table);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return { table: only, isMissing: false };
  if (candidates.length > 1) return chooseTable(client, candidates);
  // Another relation may have the name of the table to make. The migration that creates the table refuses that.
  const table = expectTable(choice, schema, engine);
  const similar = shapes.find((shape) => shape.isReadable && isSimilar(shape));
  if (similar !== undefined) refuseSimilar(similar, table, engine);
  return { table, isMissing: true };
}

/** Whether only an adapter of Casbin would have made such a table. An unrelated "policies" has no such columns. */
function isSimilar({ columns }: TableShape): boolean {
  const names = new Set(columns.map(({ name }) => name));
  return names.has('v0') && (names.has('ptype') || names.has('p_type'));
}

/** If another table were made beside it, the application would go on reading this one. */
function refuseSimilar(shape: TableShape, { name }: RuleTable, engine: Engine): never {
  const found = recognise(shape, { layout: 'columns' }, engine);
  const reasons = found instanceof Misshapen ? found.reasons.join('; ') : '';
  const wayOut =
    shape.name === name
      ? 'rename it, or give another schema'
      : `name the table that the application reads: table: '${name}', for example`;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Table ${shape.sql} looks like a rule table, but can't be used as one: ${reasons}. Nothing was changed. If the application reads it, bring it into that shape; else ${wayOut}.`,
  );
}

/**
 * Chooses the only table that holds rules. An empty `casbin` beside it is refused too: the application may read it by
 * now, or a bootstrap may have made it before the application made its own.
 */
async function chooseTable(client: ClientLike, candidates: readonly RuleTable[]): Promise<FoundTable> {
  const { rows } = await client.query(
    `select array_to_json(array[${candidates.map(({ sql }) => `exists (select from ${sql})`).join(', ')}]) as filled`,
  );
  const filled: boolean[] = rows[0]?.filled ?? [];
  const [table, ...others] = candidates.filter((_, index) => filled[index]);
  const isClear = candidates.every(({ name }) => name !== 'casbin') || table?.name === 'casbin';
  if (table !== undefined && others.length === 0 && isClear) return { table, isMissing: false };
  throw await ambiguousTables(
    client,
    table !== undefined && others.length > 0 ? [table, ...others] : candidates,
  );
}

async function ambiguousTables(client: ClientLike, tables: readonly RuleTable[]): Promise<DatabaseError> {
  const { rows } = await client.query(
    `select array_to_json(array[${tables.map(({ sql }) => `(select count(*) from ${sql})`).join(', ')}]) as counts`,
  );
  const counts: number[] = rows[0]?.counts ?? [];
  const list = tables.map(({ sql }, index) => `${sql} (${describeCount(counts[index] ?? 0)})`).join(' and ');
  const trap = tables.some(({ name }) => name === 'casbin')
    ? ' A bootstrap without that option makes "casbin" where it finds no rule table: if no application reads it, drop it.'
    : '';
  const options = tables.map(tableOption).join(' or ');
  return new DatabaseError(
    'RULE_TABLE_AMBIGUOUS',
    `Rules could be in more than one table: ${list}. Nothing was changed, as only one of them decides. Name the one that the application's adapter reads: ${options}.${trap}`,
  );
}

function tableOption({ name }: RuleTable): string {
  return `table: '${name}'`;
}

function describeCount(count: number): string {
  if (count === 0) return 'empty';
  return count === 1 ? '1 row' : `${count} rows`;
}

/** Citus does not take our statements on such a table, and can't keep it unique on rules. */
function refuseParts({ sql }: RuleTable): never {
  throw new DatabaseError(
    'TABLE_DISTRIBUTED',
    `Table ${sql} is distributed over the nodes of Citus, where rules can't be kept unique. Nothing was changed. Make it a table of one node (select undistribute_table(${quoteText(sql)})), and then, if every node should read it, a reference table (create_reference_table).`,
  );
}

function findNamed(
  shape: TableShape | undefined,
  schema: string | undefined,
  choice: TableChoice,
  engine: Engine,
): FoundTable {
  if (shape === undefined) return { table: expectTable(choice, schema, engine), isMissing: true };
  const table = requireIdentity(recognise(shape, choice, engine), shape);
  if (!(table instanceof Misshapen)) return { table, isMissing: false };
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Table ${shape.sql} is not a rule table: ${table.reasons.join('; ')}. Nothing was changed. Name another one by the table option, or bring this one into that shape.`,
  );
}

function requireIdentity(table: RuleTable | Misshapen, { isView, sql }: TableShape): RuleTable | Misshapen {
  if (!isView || table instanceof Misshapen || table.identity === 'id') return table;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `${sql} is a view without a column "id", so its rows can't be told apart. Nothing was changed. Add the id of the table behind it, or name that table by the table option.`,
  );
}

/** The table to create if the database has none. */
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

interface PlacedShape extends TableShape {
  /** Null where it is no server of Citus, or not known to be one. */
  readonly placement: Placement | null;
}

/** The shapes of the relations with one of the names, in the order of the names, and the engine. */
async function readShapes(
  client: ClientLike,
  names: readonly string[],
  schema: string | undefined,
  engine: Engine | undefined,
): Promise<{ shapes: PlacedShape[]; engine: Engine }> {
  const isCitus = engine?.name === 'citus';
  const asked = client.query(
    `select
       n.nspname::text as schema,
       c.relname::text as name,
       format('%I.%I', n.nspname, c.relname) as sql,
       has_table_privilege(c.oid, 'select') as "isReadable",
       c.relkind = 'v' as "isView",
       ${engine === undefined ? ENGINE_EXPRESSION : "''"} as engine,
       ${isCitus ? placementExpression('c.oid') : 'null'} as placement,
       ${columnsExpression('c.oid')} as columns,
       ${indexesExpression('c.oid')} as indexes
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relname = any($1::text[])
     and c.relkind in ('r', 'p', 'v', 'm', 'f')
     and case when $2::text is null then n.nspname !~ '^pg_' and pg_table_is_visible(c.oid) else n.nspname = $2 end
     order by array_position($1::text[], c.relname::text)`,
    [names, schema ?? null],
  );
  const { rows } = await asked.catch((error: unknown) => {
    throw isCitus ? orNotCitus(error) : error;
  });
  return {
    shapes: rows.map((row) => ({ ...row, ...toShapeParts(row) })),
    engine: engine ?? engineOf(rows[0]?.engine ?? ''),
  };
}

/**
 * A table that does not exist yet, as our migration creates it, or one for SQL that is written without a database.
 *
 * @param sql where its rules are read and written; by default, the table itself
 */
export function futureColumnsTable(
  name: string,
  schema: string | undefined,
  engine: Engine = POSTGRESQL,
  width = MADE_VALUES,
  sql = quoteTable(name, schema),
): ColumnsTable {
  const column = (columnName: string) => ({ name: columnName, limit: null, notNull: false });
  return new ColumnsTable({
    engine,
    name,
    schema,
    sql,
    identity: 'id',
    identityType: engine.idColumn === 'serial' ? 'integer' : 'bigint',
    ptype: column('ptype'),
    values: Array.from({ length: width }, (_, position) => column(`v${position}`)),
    indexes: [{ unique: true, deferrable: false, columns: ['id'] }],
    removesDuplicates: false,
    isMissing: true,
  });
}
