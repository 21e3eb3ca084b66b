import { type PageMatrix, stateAt } from '../src/page/page-data.ts';
import { isAllowed, isDifference, roleLabel } from './cells.ts';

/** What a person wants to see. An empty text selects everything. */
export interface Filters {
  readonly role: string;
  readonly user: string;
  /** A text for each position of a permission. */
  readonly values: readonly string[];
  readonly show: 'all' | 'allowed' | 'differences';
}

export function noFilters({ tokens }: Pick<PageMatrix, 'tokens'>): Filters {
  return { role: '', user: '', values: tokens.map(() => ''), show: 'all' };
}

/** The part of a matrix that is shown, as numbers of roles and permissions. */
export interface Selection {
  readonly roles: readonly number[];
  readonly permissions: readonly number[];
  /** Whether the user of the filter has a role in the domain of a permission; always true without such a user. */
  isHeld(role: number, permission: number): boolean;
}

/** Up to this many values are chosen from a list; with more of them, a part of the value is typed. */
export const CHOSEN_FROM = 12;

/** Chooses what is shown. */
export function select(matrix: PageMatrix, filters: Filters): Selection {
  const isHeld = holdingOf(matrix, filters.user);
  const named = matrix.roles.flatMap((one, role) => (includes(roleLabel(one), filters.role) ? [role] : []));
  const roles =
    filters.user === ''
      ? named
      : named.filter((role) => matrix.permissions.some((_, permission) => isHeld(role, permission)));
  const matches = valueMatchers(matrix, filters);
  const permissions = [...matrix.permissions.keys()].filter((permission) =>
    matches.every((isMatch, position) => isMatch(matrix.permissions[permission]?.[position] ?? '')),
  );
  // If requests are denied only by rules, hardly any permission is without a role.
  if (filters.show === 'all' || (filters.show === 'allowed' && matrix.unlisted === 'allow')) {
    return { roles, permissions, isHeld };
  }
  const isShown = filters.show === 'allowed' ? isAllowed : isDifference;
  const matching = new Set(permissions);
  const found = { roles: new Set<number>(), permissions: new Set<number>() };
  for (const role of roles) {
    const cells = matrix.roles[role]?.cells ?? { at: [], states: '' };
    for (const [position, permission] of cells.at.entries()) {
      if (!isShown(stateAt(cells, position), matrix)) continue;
      if (!matching.has(permission) || !isHeld(role, permission)) continue;
      found.roles.add(role);
      found.permissions.add(permission);
    }
  }
  return {
    roles: filters.show === 'allowed' ? roles : roles.filter((role) => found.roles.has(role)),
    permissions: permissions.filter((permission) => found.permissions.has(permission)),
    isHeld,
  };
}

function valueMatchers({ permissions }: PageMatrix, { values }: Filters): ((value: string) => boolean)[] {
  return values.map((wanted, position) => {
    if (wanted === '') return () => true;
    const isChosen = distinctValues(permissions, position).length <= CHOSEN_FROM;
    return (value) => (isChosen ? value === wanted : includes(value, wanted));
  });
}

/** The different values that permissions have at a position. */
export function distinctValues(permissions: PageMatrix['permissions'], position: number): string[] {
  return [...new Set(permissions.map((permission) => permission[position] ?? ''))];
}

function includes(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.trim().toLowerCase());
}

/** Finds a user by the whole name only: the roles of all users whose names contain a part would be nobody's roles. */
function holdingOf(matrix: PageMatrix, wanted: string): Selection['isHeld'] {
  if (wanted === '') return () => true;
  const domains = new Map<number, Set<string | null>>();
  const user = matrix.users.find(({ name }) => name === wanted);
  for (const grant of user?.grants ?? []) {
    const { domain, roles } = matrix.grants[grant] ?? { domain: null, roles: [] };
    for (const role of roles) domains.set(role, (domains.get(role) ?? new Set()).add(domain));
  }
  return (role, permission) => {
    const held = domains.get(role);
    if (held === undefined) return matrix.roles[role]?.kind === 'everybody';
    const domain = matrix.permissions[permission]?.[matrix.domainAt];
    return held.has(null) || domain === undefined || held.has(domain);
  };
}

/** The first users whose names contain a text. */
export function findUsers({ users }: PageMatrix, part: string, limit: number): string[] {
  const found: string[] = [];
  for (const { name } of users) {
    if (includes(name, part)) found.push(name);
    if (found.length === limit) break;
  }
  return found;
}
