import { COLUMNS, typeExpression } from '../database/catalog.ts';
import type { Engine } from '../database/engine.ts';
import type { ValueColumn } from './columns-fit.ts';
import type { TableIndex } from './columns-lookup.ts';
import { ColumnsTable } from './columns-table.ts';
import { DocumentTable } from './document-table.ts';
import type { SelectedRow } from './live-policy.ts';
import type { RuleTable, RuleTableOptions } from './rule-table.ts';

/** A relation as the catalog describes it. */
export interface TableShape {
  readonly schema: string;
  readonly name: string;
  /** Its name as SQL. */
  readonly sql: string;
  readonly isReadable: boolean;
  /** A view has no indexes, and its rows no places. */
  readonly isView: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[];
  readonly indexes: readonly TableIndex[];
}

/** Its columns by number, and its indexes, as {@link columnsExpression} and {@link indexesExpression} select them. */
export interface SelectedParts {
  readonly columns: readonly (TableShape['columns'][number] & { readonly number: number })[];
  readonly indexes: readonly {
    readonly unique: boolean;
    readonly deferrable: boolean;
    /** 0 for an expression. */
    readonly numbers: readonly number[];
    /** How many of the columns are keys; the others are only included. */
    readonly length: number;
  }[];
}

/** An SQL expression for the columns of a relation, as JSON. */
export function columnsExpression(oid: string): string {
  return `(
    select coalesce(json_agg(json_build_object(
      'number', a.attnum,
      'name', a.attname,
      'type', ${typeExpression('a')},
      'notNull', a.attnotnull
    )), '[]')
    from ${COLUMNS} a
    where a.attrelid = ${oid} and a.attnum > 0 and not a.attisdropped
  )`;
}

/** Access methods whose indexes can find equal values: the numbers of pg_am.dat, the same in every database. */
const BTREE = 403;
const HASH = 405;

/** An SQL expression for the indexes of a relation that find equal values among all of its rows, as JSON. */
export function indexesExpression(oid: string): string {
  return `(
    select coalesce(json_agg(json_build_object(
      'unique', i.indisunique,
      'deferrable', not i.indimmediate,
      'numbers', i.indkey::int2[],
      'length', i.indnkeyatts
    )), '[]')
    from pg_catalog.pg_index i
    where i.indrelid = ${oid}
    and i.indisvalid
    and i.indpred is null
    and (select x.relam from pg_catalog.pg_class x where x.oid = i.indexrelid) in (${BTREE}, ${HASH})
  )`;
}

/** Whether a schema is PostgreSQL's own, or a temporary one: a rule table is not there. */
export function isOwnSchema(name: string): boolean {
  return name.startsWith('pg_');
}

/** What a shape has beside its name. */
type ShapeParts = Pick<TableShape, 'columns' | 'indexes'>;

export function toShapeParts({ columns, indexes }: SelectedParts): ShapeParts {
  const nameOf = new Map(columns.map(({ number, name }) => [number, name]));
  return {
    columns: columns.toSorted((one, other) => one.number - other.number),
    indexes: indexes.map(({ unique, deferrable, numbers, length }) => ({
      unique,
      deferrable,
      columns: numbers.slice(0, length).map((number) => nameOf.get(number) ?? null),
    })),
  };
}

/**
 * The same, as far as rows that were selected with `*` show it. That is enough to read a table, but not to write into
 * it: how long a value may be, and whether a column takes NULL, is not known.
 *
 * @param rows where there is an `id`, with its type under {@link ID_TYPE}; none show no columns
 */
export function describeRows(rows: readonly SelectedRow[]): ShapeParts {
  const [first = {}] = rows;
  const ids = new Set(rows.flatMap(({ id }) => id ?? []));
  return {
    columns: Object.keys(first).map((name) => ({
      name,
      type: name === 'id' ? String(first[ID_TYPE]) : describeValues(rows, name),
      notNull: false,
    })),
    indexes: ids.size === rows.length ? [{ unique: true, deferrable: false, columns: ['id'] }] : [],
  };
}

/** The name under which rows have the type of their `id`, which no column of a table has. */
export const ID_TYPE = 'casbin-bootstrap: type of id';

function describeValues(rows: readonly SelectedRow[], column: string): string {
  const values = rows.map((row) => row[column]).filter((value) => value !== null);
  if (values.every((value) => typeof value === 'string')) return 'text';
  return values.every(Array.isArray) ? 'jsonb' : 'neither';
}

/** Why a table is not a rule table. */
export class Misshapen {
  readonly reasons: readonly string[];

  constructor(...reasons: readonly string[]) {
    this.reasons = reasons;
  }
}

/** The rule table of this shape; with the layout that was chosen, if one was. */
export function recognise(
  shape: TableShape,
  { layout, duplicates }: Partial<RuleTableOptions>,
  engine: Engine,
): RuleTable | Misshapen {
  const document = layout === 'columns' ? null : recogniseDocument(shape, engine);
  const columns = layout === 'document' ? null : recogniseColumns(shape, duplicates === 'remove', engine);
  const found = [document, columns].find((one) => one !== null && !(one instanceof Misshapen));
  if (found instanceof DocumentTable || found instanceof ColumnsTable) return found;
  return new Misshapen(
    ...[document, columns].flatMap((one) => (one instanceof Misshapen ? one.reasons : [])),
  );
}

function recogniseDocument(
  { name, schema, sql, columns }: TableShape,
  engine: Engine,
): DocumentTable | Misshapen {
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
  { name, schema, sql, isView, columns, indexes }: TableShape,
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
  const toValueColumn = (column: TableShape['columns'][number]): ValueColumn => ({
    name: column.name,
    limit: limitOf(column.type) ?? null,
    notNull: column.notNull,
  });
  const hasId = isView
    ? byName.has('id')
    : indexes.some((index) => index.unique && index.columns.join() === 'id');
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
