import { tokensOf } from '../casbin/model.ts';
import { addTo } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { type Answer, createDecider, type Decider, decidePaced, decisionOf } from '../verification/decide.ts';
import { mergeSorted } from '../verification/expectations.ts';
import { readParts, subjectPosition } from '../verification/parts.ts';
import { decideUnmatched } from '../verification/promises.ts';
import { Matrix, withoutRepetition } from '../verification/request-matrix.ts';
import { derivePermissions, NO_ROLE } from '../verification/requests.ts';
import { subjectNames } from '../verification/user-links.ts';
import { CellCollector } from './page-cells.ts';
import type { OmittedFromPage, PageMatrix, PageRole } from './page-data.ts';
import type { PagePolicy } from './page-policy.ts';

/** How much a page holds. With more, a browser would be too slow. */
interface PageLimits {
  readonly roles: number;
  readonly permissions: number;
  readonly cells: number;
}

const LIMITS: PageLimits = { roles: 1_000, permissions: 5_000, cells: 250_000 };

/** The matrix without its users, and what is left out of it. */
export interface DecidedPage {
  readonly matrix: Omit<PageMatrix, 'users' | 'grants' | 'granted'>;
  readonly omitted: Pick<OmittedFromPage, 'roles' | 'permissions'>;
}

/**
 * Decides roles × permissions by Casbin's enforcer: on the definition, where there is one to compare with, then on the
 * policy itself. Requests that no rule can match all have the same answer, so one of them is decided.
 */
export async function decidePageMatrix(
  policy: PagePolicy,
  limits: PageLimits = LIMITS,
): Promise<DecidedPage> {
  const { model, configureEnforcer, rules, defined } = policy;
  const tokens = tokensOf(model, 'r');
  const subjectAt = subjectPosition(model);
  const [names, permissions] = [collectSubjectNames(policy, subjectAt), listPermissions(policy, subjectAt)];
  const matrix = new Matrix(subjectAt, [
    { subjects: names.slice(0, limits.roles), permissions: permissions.slice(0, limits.permissions) },
  ]);

  // One enforcer after the other: an application may give all of them the same role manager.
  const before =
    defined === null
      ? null
      : await decideRows(matrix, await createDecider(model, defined.rules, configureEnforcer), limits, []);
  const decider = await createDecider(model, rules, configureEnforcer);
  const now = await decideRows(matrix, decider, limits, before?.answers.keys() ?? []);

  const columns = Math.min(permissions.length, limits.permissions);
  const rowCount = columns === 0 ? 0 : Math.floor(Math.min(now.end, before?.end ?? now.end) / columns);
  const collector = new CellCollector(policy, now.unmatched);
  const cells = Array.from({ length: rowCount }, () => collector.createRow());
  for (const [number, answer] of now.answers) {
    const row = cells[Math.floor(number / columns)];
    if (row === undefined) break;
    const expected = before === null ? answer : (before.answers.get(number) ?? before.unmatched);
    collector.add(row, number % columns, matrix.requestAt(number), answer, expected);
  }
  // Somebody without any role gets a row only if that may do something.
  const roles = describeRoles(policy, names, cells).filter(
    ({ kind, cells: { states } }) => kind !== 'everybody' || now.unmatched.allowed || /[^xe]/.test(states),
  );
  return {
    matrix: {
      subject: tokens[subjectAt] ?? '',
      subjectAt,
      tokens: tokens.toSpliced(subjectAt, 1),
      domainAt: tokens.toSpliced(subjectAt, 1).indexOf(readParts(model)?.domain ?? ''),
      permissions: permissions.slice(0, columns).map((permission) => permission.toSpliced(subjectAt, 1)),
      roles,
      ...collector.finish(),
      unlisted: decisionOf(now.unmatched),
      isCompared: defined !== null,
    },
    omitted: {
      // The subject without a role is not a role.
      roles: columns === 0 ? 0 : Math.max(0, names.length - 1 - rowCount),
      permissions: permissions.length - columns,
    },
  };
}

/** Decisions by the numbers of their requests. All other requests up to the last number have the same answer. */
interface DecidedRows {
  readonly answers: ReadonlyMap<number, Answer>;
  readonly end: number;
  readonly unmatched: Answer;
}

/** @param others numbers of requests that are to be decided too, ascending */
async function decideRows(
  matrix: Matrix,
  decider: Decider,
  { cells }: PageLimits,
  others: Iterable<number>,
): Promise<DecidedRows> {
  const answers = new Map<number, Answer>();
  let end = matrix.size;
  const numbers = function* () {
    for (const number of mergeSorted(others, matrix.matchable(decider.index))) {
      if (answers.size === cells) {
        end = number;
        return;
      }
      yield number;
    }
  };
  await decidePaced(
    decider,
    numbers(),
    (number) => matrix.requestAt(number),
    (number, answer) => answers.set(number, answer),
  );
  const allowed = (await decideUnmatched(matrix, decider)) === 'allow';
  return { answers, end, unmatched: { allowed, rule: [], error: null } };
}

/** The subjects of the definition first; the last one is a subject without a role. */
function collectSubjectNames({ model, roleRules, listed }: PagePolicy, subjectAt: number): string[] {
  const parts = readParts(model);
  const ofRequests = parts === null ? listed.map((request) => request[subjectAt] ?? '') : [];
  return [...new Set([...subjectNames(model, roleRules), ...ofRequests, NO_ROLE])];
}

/** The permissions of one resource are next to each other. */
function listPermissions({ model, roleRules, listed }: PagePolicy, subjectAt: number): Request[] {
  const permissions =
    readParts(model) === null ? withoutRepetition(listed, subjectAt) : derivePermissions(model, roleRules);
  const resourceOf = (permission: Request) => JSON.stringify(permission.toSpliced(subjectAt, 1).slice(0, -1));
  const groups = new Map<string, Request[]>();
  for (const permission of permissions) addTo(groups, resourceOf(permission), permission);
  return [...groups.values()].flat();
}

function describeRoles(
  { model, defined }: PagePolicy,
  names: readonly string[],
  rows: readonly PageRole['cells'][],
): PageRole[] {
  const known = defined === null ? null : new Set(subjectNames(model, defined.rules));
  return rows.map((cells, index): PageRole => {
    const name = names[index] ?? '';
    if (name === NO_ROLE) return { name, kind: 'everybody', cells };
    return { name, kind: known?.has(name) === false ? 'added' : 'defined', cells };
  });
}
