import type { ValueColumn } from './columns-fit.ts';

/** An index of a table, over all of its rows. */
export interface TableIndex {
  readonly unique: boolean;
  /** Whether uniqueness may be checked later than by the statement. */
  readonly deferrable: boolean;
  readonly columns: readonly (string | null)[];
}

/** What determines how rows of a table of columns are found by a value. */
export interface IndexedColumns {
  readonly sql: string;
  readonly identity: 'id' | 'ctid';
  readonly ptype: ValueColumn;
  /** The columns of the values, in order. */
  readonly values: readonly ValueColumn[];
  /** The columns of each index that can find equal values, in order; null for an expression. */
  readonly indexes: readonly TableIndex[];
}

/** SQL that finds rows of a table of columns by their first values, by the indexes that the table has. */
export class ColumnsLookup {
  readonly #sql: string;
  readonly #all: string;
  readonly #ptype: string;
  readonly #values: readonly ValueColumn[];
  readonly #indexes: readonly TableIndex[];

  constructor({ sql, identity, ptype, values, indexes }: IndexedColumns) {
    this.#sql = sql;
    this.#all = allColumns(identity);
    this.#ptype = ptype.name;
    this.#values = values;
    this.#indexes = indexes;
  }

  rowsWith(position: 0 | 1, value: string): string {
    const name = this.#values[position]?.name ?? '';
    const condition = `${name} = ${value}`;
    if (this.#hasIndexOn(name))
      return `lateral (select ${this.#all} from ${this.#sql} where ${condition} offset 0)`;
    if (this.#hasIndexOn(this.#ptype, name)) return this.#rowsOfEachPtype(condition);
    // Without an index, a join reads the table once; a look-up would read it once for each name.
    return `lateral (select ${this.#all} from ${this.#sql} where ${condition})`;
  }

  get rowsWithoutFirst(): string {
    const [first] = this.#values;
    const isEmpty = `(${first?.name} is null or ${first?.name} = '')`;
    if (!this.#hasIndexOn(this.#ptype, first?.name ?? ''))
      return `(select ${this.#all} from ${this.#sql} where ${isEmpty})`;
    return `(
      select ${this.#all} from ${this.#sql} where ${this.#ptype} is null and ${isEmpty}
      union all
      select * from ${this.#rowsOfEachPtype(isEmpty)} found
    )`;
  }

  /**
   * PostgreSQL uses an index that begins with the ptype only for known ptypes, so the query names those that are
   * stored.
   */
  #rowsOfEachPtype(condition: string): string {
    const ptype = this.#ptype;
    return `lateral (
      with recursive stored (ptype) as (
        (select ${ptype} from ${this.#sql} where ${ptype} is not null order by ${ptype} limit 1)
        union all
        select (select ${ptype} from ${this.#sql} where ${ptype} > stored.ptype order by ${ptype} limit 1)
        from stored
        where stored.ptype is not null
      )
      select of_ptype.*
      from stored
      cross join lateral (
        select ${this.#all} from ${this.#sql} where ${ptype} = stored.ptype and ${condition} offset 0
      ) of_ptype
      offset 0
    )`;
  }

  get missingIndex(): string | null {
    const first = this.#values[0]?.name ?? '';
    if (this.#hasIndexOn(first) || this.#hasIndexOn(this.#ptype, first)) return null;
    return `create index on ${this.#sql} (${this.#ptype}, ${first});`;
  }

  #hasIndexOn(...names: readonly string[]): boolean {
    return this.#indexes.some(({ columns }) => names.every((name, position) => columns[position] === name));
  }
}

/** The columns of a row for an outer query: `*` does not include `ctid`. */
export function allColumns(identity: 'id' | 'ctid'): string {
  return identity === 'ctid' ? 'ctid, *' : '*';
}
