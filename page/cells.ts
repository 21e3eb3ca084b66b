import { type CellState, type PageMatrix, type PageRole, stateAt } from '../src/page/page-data.ts';

/** What a cell shows. */
export interface Cell {
  /** Null for a cell that is not listed: all of these have the same decision. */
  readonly state: CellState | null;
  /** Numbers of the rule and the route; -1 if there is none. */
  readonly rule: number;
  readonly route: number;
}

/** The cell that a person has chosen, by the numbers of its role and permission. */
export interface ChosenCell {
  readonly role: number;
  readonly permission: number;
}

const UNLISTED: Cell = { state: null, rule: -1, route: -1 };

/** Finds the cells of a matrix. The cells of a role are indexed when the first of them is asked for. */
export function cellFinder({ roles, permissions }: PageMatrix): (role: number, permission: number) => Cell {
  const positions: (Int32Array | undefined)[] = [];
  return (role, permission) => {
    const cells = roles[role]?.cells;
    if (cells === undefined) return UNLISTED;
    positions[role] ??= positionsOf(cells.at, permissions.length);
    const position = positions[role][permission] ?? -1;
    if (position === -1) return UNLISTED;
    return {
      state: stateAt(cells, position),
      rule: cells.rules[position] ?? -1,
      route: cells.routes[position] ?? -1,
    };
  };
}

/** The index of each permission among those of a role; -1 if the role does not have it. */
function positionsOf(at: readonly number[], count: number): Int32Array {
  const positions = new Int32Array(count).fill(-1);
  for (const [position, permission] of at.entries()) positions[permission] = position;
  return positions;
}

const ALLOWED: readonly (CellState | null)[] = ['direct', 'inherited', 'open', 'added'];

/** Whether a state means that the request is allowed. */
export function isAllowed(state: CellState | null, { unlisted }: Pick<PageMatrix, 'unlisted'>): boolean {
  return state === null ? unlisted === 'allow' : ALLOWED.includes(state);
}

/** Whether a state is a difference from the definition. */
export function isDifference(state: CellState | null): boolean {
  return state === 'added' || state === 'missing';
}

/** The name of each state. */
export const STATE_LABELS: Readonly<Record<CellState, string>> = {
  direct: 'allowed by its own rule',
  inherited: 'allowed, inherited',
  open: 'allowed, as no rule denies it',
  denied: 'denied by a rule',
  added: 'allowed, but not by the definition',
  missing: 'denied, but allowed by the definition',
  error: 'Casbin throws',
};

/** The mark of a cell; null for one without a mark. */
export function markOf(
  state: CellState | null,
  { unlisted }: Pick<PageMatrix, 'unlisted'>,
): CellState | null {
  return state ?? (unlisted === 'allow' ? 'open' : null);
}

/** The name of the state of any cell. */
export function labelOf(state: CellState | null, matrix: Pick<PageMatrix, 'unlisted'>): string {
  const mark = markOf(state, matrix);
  return mark === null ? 'denied' : STATE_LABELS[mark];
}

/** The name of a role on the page. */
export function roleLabel({ name, kind }: Pick<PageRole, 'name' | 'kind'>): string {
  return kind === 'everybody' ? 'anybody' : name;
}
