import { addTo } from '../collections.ts';
import type { PageHierarchy } from './page-data.ts';

/** The place of each node of a hierarchy. A role is to the left of the roles that it inherits from. */
export interface HierarchyLayout {
  /** The places of the nodes, by number. */
  readonly places: readonly Place[];
  /** The bends of each edge, by its number: a place in each column between its ends. */
  readonly bends: readonly (readonly Place[])[];
  readonly columns: number;
  /** The number of nodes in the longest column. */
  readonly rows: number;
}

export interface Place {
  readonly column: number;
  /** Fractions, because a short column is centred beside a long one. */
  readonly row: number;
}

/** How many times each column is ordered by the one before it, and by the one after it. */
const SWEEPS = 6;

/**
 * Lays out a hierarchy in columns, with few crossings. A long edge has a place in each column that it crosses, so that
 * it does not run behind a node. A circle is laid out as if one of its links were missing.
 */
export function layOutHierarchy({ nodes, edges }: PageHierarchy): HierarchyLayout {
  const columnOf = chooseColumns(nodes.length, edges);
  const columns: number[][] = [];
  const enter = (item: number, column: number) => {
    while (columns.length <= column) columns.push([]);
    columns[column]?.push(item);
  };
  for (const [node, column] of columnOf.entries()) enter(node, column);
  // Items are the nodes, and after their numbers the bends of edges.
  let items = nodes.length;
  const [left, right] = [new Map<number, number[]>(), new Map<number, number[]>()];
  const bends = edges.map(({ child, parent }) => {
    const passed: number[] = [];
    for (let column = (columnOf[child] ?? 0) + 1; column < (columnOf[parent] ?? 0); column++) {
      enter(items, column);
      passed.push(items++);
    }
    for (const [index, item] of [...passed, parent].entries()) {
      const before = passed[index - 1] ?? child;
      addTo(right, before, item);
      addTo(left, item, before);
    }
    return passed;
  });
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const column of columns) sortByNeighbours(column, columns, left);
    for (const column of columns.toReversed()) sortByNeighbours(column, columns, right);
  }
  const rows = columns.reduce((most, { length }) => Math.max(most, length), 0);
  const places: Place[] = [];
  for (const [column, own] of columns.entries()) {
    for (const [index, item] of own.entries()) {
      places[item] = { column, row: index + (rows - own.length) / 2 };
    }
  }
  const placesOf = (some: readonly number[]) => some.flatMap((item) => places[item] ?? []);
  return {
    places: places.slice(0, nodes.length),
    bends: bends.map(placesOf),
    columns: columns.length,
    rows,
  };
}

/** The length of the longest path from a name that nobody inherits from. */
function chooseColumns(count: number, edges: PageHierarchy['edges']): number[] {
  const children = new Map<number, number[]>();
  for (const { child, parent } of edges) addTo(children, parent, child);
  const columns: (number | undefined)[] = Array.from({ length: count });
  const open = new Set<number>();
  const columnOf = (node: number): number => {
    const known = columns[node];
    if (known !== undefined) return known;
    open.add(node);
    const own = (children.get(node) ?? []).filter((child) => !open.has(child));
    const column = own.reduce((most, child) => Math.max(most, columnOf(child) + 1), 0);
    open.delete(node);
    columns[node] = column;
    return column;
  };
  return Array.from({ length: count }, (_, node) => columnOf(node));
}

/** Orders items by the mean position of their neighbours; an item without neighbours keeps its position. */
function sortByNeighbours(
  column: number[],
  columns: readonly (readonly number[])[],
  neighbours: ReadonlyMap<number, readonly number[]>,
): void {
  const height = new Map(
    columns.flatMap((own) => own.map((item, index) => [item, (index + 0.5) / own.length] as const)),
  );
  const wish = new Map(
    column.map((item) => {
      const near = neighbours.get(item) ?? [];
      const sum = near.reduce((total, other) => total + (height.get(other) ?? 0), 0);
      return [item, near.length === 0 ? (height.get(item) ?? 0) : sum / near.length];
    }),
  );
  column.sort((one, other) => (wish.get(one) ?? 0) - (wish.get(other) ?? 0));
}
