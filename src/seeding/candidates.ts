import { type RawBuilder, sql } from 'kysely';
import { encode, type Row, toJson } from './rows.ts';
import type { Column } from './target-table.ts';

/**
 * The common table expression `candidate`: the rows with their `position`, from 1, and their values as `c0`, `c1` …
 * in the order of `columns`, read by the input functions of the columns' types.
 */
export function candidates(
  table: string,
  columns: readonly Column[],
  rows: readonly Row[],
): RawBuilder<unknown> {
  return columns.every(({ arrayType }) => arrayType !== null)
    ? fromArrays(columns, rows)
    : fromDocuments(table, columns, rows);
}

/** Where the values of the column at `index` stand in {@link candidates}. */
export function nameOf(index: number): string {
  return `c${index}`;
}

/** An array for each column: less work than JSON, on both sides. */
function fromArrays(columns: readonly Column[], rows: readonly Row[]) {
  const arrays = columns.map(({ name, isJson, arrayType }) => {
    const literal = toArrayLiteral(rows.map((row) => (isJson ? toDocument : toText)(row[name])));
    return sql`${literal}::${sql.id(...(arrayType ?? []))}`;
  });
  return sql`
    candidate as not materialized (
      select * from unnest(${sql.join(arrays)}) with ordinality as given (${names(columns)}, position)
    )`;
}

/** Takes any type: composite ones, domains, arrays, those with a modifier such as `varchar(3)` in the key. */
function fromDocuments(table: string, columns: readonly Column[], rows: readonly Row[]) {
  const given = toJson(
    rows,
    columns.map(({ name }) => name),
  );
  const values = columns.map(({ name }, index) => sql`(wanted).${sql.id(name)} as ${sql.id(nameOf(index))}`);
  return sql`
    document as materialized (
      select json_populate_record(null::${sql.table(table)}, given.value) as wanted, given.position
      from json_array_elements(${given}::json) with ordinality as given (value, position)
    ),
    candidate as not materialized (select ${sql.join(values)}, position from document)`;
}

function names(columns: readonly Column[]) {
  return sql.join(columns.map((_, index) => sql.id(nameOf(index))));
}

/** What the input function of a column's type reads: for an object its JSON, for a Date what that gives. */
function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return String(value);
  const document = toDocument(value);
  return document?.startsWith('"') ? String(JSON.parse(document)) : document;
}

/** A JSON null is no value, whatever the type. */
function toDocument(value: unknown): string | null {
  const document = JSON.stringify(encode(value)) ?? 'null';
  return document === 'null' ? null : document;
}

function toArrayLiteral(texts: readonly (string | null)[]): string {
  const elements = texts.map((text) => (text === null ? 'NULL' : `"${escapeElement(text)}"`));
  return `{${elements.join(',')}}`;
}

function escapeElement(text: string): string {
  return /["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text;
}
