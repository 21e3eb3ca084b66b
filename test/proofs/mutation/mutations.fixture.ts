/** A stored rule. */
export interface Row {
  readonly id: number;
  readonly ptype: string;
  readonly values: readonly string[];
}

/** One change to a correct policy, and what it leaves. */
export interface Mutation {
  readonly what: string;
  readonly rows: readonly Row[];
}

const UNKNOWN = 'somebody-else';

const BREAKS: Record<string, (value: string) => string> = {
  'an open bracket': (value) => `${value}(`,
  'a comma': (value) => `${value},x`,
  'an opening quote': (value) => `"${value}`,
  'quotes around': (value) => `"${value}"`,
  'doubled quotes': (value) => `${value}""x`,
  'a leading blank': (value) => ` ${value}`,
  'a line break': (value) => `${value}\nx`,
};

/** Every mutation of a policy, of each kind. */
export function mutate(rows: readonly Row[]): Mutation[] {
  return [
    ...removals(rows),
    ...changedValues(rows),
    ...changedLengths(rows),
    ...additions(rows),
    ...turnedLinks(rows),
    ...broken(rows),
    ...swapped(rows),
  ].filter(({ rows: left }) => new Set(left.map(keyOf)).size === left.length);
}

export function keyOf({ ptype, values }: Omit<Row, 'id'>): string {
  return JSON.stringify([ptype, ...values]);
}

/** Links by which an administrator gives users the roles that are defined. */
export function assignments(rows: readonly Row[]): Mutation[] {
  return rows
    .filter(({ ptype }) => ptype === 'g')
    .map(({ values }) =>
      add(rows, 'assign a user', {
        ptype: 'g',
        values: ['alice', ...values.slice(0, 1), ...values.slice(2)],
      }),
    );
}

function removals(rows: readonly Row[]): Mutation[] {
  return rows.map((row) => ({ what: `remove ${keyOf(row)}`, rows: rows.filter((other) => other !== row) }));
}

function changedValues(rows: readonly Row[]): Mutation[] {
  return rows.flatMap((row) =>
    row.values.flatMap((value, position) =>
      [...pool(rows, row.ptype, position), UNKNOWN]
        .filter((other) => other !== value)
        .map((other) => replace(rows, 'change', row, { values: row.values.with(position, other) })),
    ),
  );
}

function changedLengths(rows: readonly Row[]): Mutation[] {
  return rows.flatMap((row) => [
    replace(rows, 'lengthen', row, { values: [...row.values, 'x'] }),
    replace(rows, 'shorten', row, { values: row.values.slice(0, -1) }),
    replace(rows, 'rename the ptype of', row, { ptype: `${row.ptype}9` }),
    add(rows, 'add a longer', { ptype: row.ptype, values: [...row.values, 'x'] }),
  ]);
}

/** Every rule that can be made of the values that each place has. For links, of all names of the definition. */
function additions(rows: readonly Row[]): Mutation[] {
  const ptypes = [...new Set(rows.map(({ ptype }) => ptype))];
  return ptypes.flatMap((ptype) => {
    const length = rows.find((row) => row.ptype === ptype)?.values.length ?? 0;
    const pools = Array.from({ length }, (_, position) => pool(rows, ptype, position));
    return cross(pools).map((values) => add(rows, 'add', { ptype, values }));
  });
}

function turnedLinks(rows: readonly Row[]): Mutation[] {
  return rows
    .filter(({ ptype }) => ptype.startsWith('g'))
    .map((row) => {
      const [child = '', parent = '', ...rest] = row.values;
      return replace(rows, 'turn round', row, { values: [parent, child, ...rest] });
    });
}

function broken(rows: readonly Row[]): Mutation[] {
  return rows.flatMap((row) =>
    Object.entries(BREAKS).flatMap(([what, breakIt]) => [
      ...row.values.map((value, position) =>
        replace(rows, `break by ${what}`, row, { values: row.values.with(position, breakIt(value)) }),
      ),
      add(rows, `add, with ${what},`, {
        ptype: row.ptype,
        values: row.values.with(-1, breakIt(row.values.at(-1) ?? '')),
      }),
    ]),
  );
}

function swapped(rows: readonly Row[]): Mutation[] {
  return rows.slice(1).map((row, index) => {
    const before = rows[index] ?? row;
    const left = [...rows];
    left.splice(index, 2, { ...row, id: before.id }, { ...before, id: row.id });
    return { what: `swap the rows of ${keyOf(before)} and ${keyOf(row)}`, rows: left };
  });
}

function pool(rows: readonly Row[], ptype: string, position: number): string[] {
  const link = ptype.startsWith('g') && position < 2;
  const values = rows
    .filter((row) => row.ptype === ptype)
    .flatMap((row) => (link ? row.values.slice(0, 2) : row.values.slice(position, position + 1)));
  return [...new Set(values)];
}

function cross(pools: readonly (readonly string[])[]): string[][] {
  return pools.reduce<string[][]>(
    (tuples, values) => tuples.flatMap((tuple) => values.map((value) => [...tuple, value])),
    [[]],
  );
}

function replace(rows: readonly Row[], verb: string, row: Row, by: Partial<Row>): Mutation {
  const other = { ...row, ...by };
  return {
    what: `${verb} ${keyOf(row)}: ${keyOf(other)}`,
    rows: rows.map((one) => (one === row ? other : one)),
  };
}

function add(rows: readonly Row[], verb: string, rule: Omit<Row, 'id'>): Mutation {
  const id = Math.max(...rows.map((row) => row.id)) + 1;
  return { what: `${verb} ${keyOf(rule)}`, rows: [...rows, { id, ...rule }] };
}
