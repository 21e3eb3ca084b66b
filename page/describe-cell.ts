import type { PageMatrix, PageRoute, PageRule } from '../src/page/page-data.ts';
import { type Cell, isAllowed } from './cells.ts';

/** The explanation of a cell, for people. */
export interface CellExplanation {
  readonly decision: 'Allowed' | 'Denied';
  readonly reason: string;
  readonly rule: PageRule | null;
  /** The path from the role to the one that has the rule; empty if they are the same. */
  readonly path: readonly string[];
  /** The rows of the rule and of the links of roles. */
  readonly rows: readonly (string | number)[];
  /** The rules and links among them that are not defined, as lines. */
  readonly added: readonly string[];
  /** Who added the rule and the links, if that is known, as lines. */
  readonly granted: readonly string[];
  /** The command that tells more. */
  readonly command: string;
}

/** Explains a cell by the decision that the enforcer made when the page was created. */
export function describeCell(
  matrix: PageMatrix,
  { state, rule: ruleNumber, route: routeNumber }: Cell,
  role: number,
  permission: number,
): CellExplanation {
  const rule = matrix.rules[ruleNumber] ?? null;
  const route = matrix.routes[routeNumber];
  const path = route?.path ?? [];
  const rows = [rule?.id ?? null, ...(route?.ids ?? [])].filter((id) => id !== null);
  const { granted } = matrix;
  return {
    decision: isAllowed(state, matrix) ? 'Allowed' : 'Denied',
    reason: describeReason(matrix, state, route),
    rule,
    path: path.length > 1 ? path : [],
    rows,
    added: [...(rule?.state === 'added' ? [rule.text] : []), ...(route?.added ?? [])],
    granted: rows.flatMap((id) => (Object.hasOwn(granted, id) ? (granted[id] ?? []) : [])),
    command: commandFor(requestOf(matrix, role, permission)),
  };
}

function describeReason(matrix: PageMatrix, state: Cell['state'], route: PageRoute | undefined): string {
  const source = route?.path.at(-1) ?? '';
  const isInherited = (route?.path.length ?? 0) > 1;
  switch (state) {
    case 'direct':
      return 'by a rule for the role itself';
    case 'inherited':
      return isInherited ? `inherited from ${source}` : 'by a rule that is for others too';
    case 'open':
      return 'no rule denies it';
    case 'denied':
      return isInherited ? `by a rule for ${source}` : 'by a rule';
    case 'added':
      return `unlike the definition, which denies it${isInherited ? `; inherited from ${source}` : ''}`;
    case 'missing':
      return `unlike the definition, which allows it${isInherited ? ` through ${source}` : ''}`;
    case 'error':
      return `Casbin throws: ${route?.error ?? 'no reason was given'}`;
    default:
      return matrix.unlisted === 'allow' ? 'no rule denies it' : 'no rule allows it';
  }
}

/** The values of a request, in the order of the model. */
function requestOf(
  { roles, permissions, subjectAt }: PageMatrix,
  role: number,
  permission: number,
): string[] {
  return (permissions[permission] ?? []).toSpliced(subjectAt, 0, roles[role]?.name ?? '');
}

function commandFor(request: readonly string[]): string {
  const isOption = request.some((value) => value.startsWith('-'));
  return `casbin-bootstrap explain ${isOption ? '-- ' : ''}${request.map(quote).join(' ')}`;
}

/** Quotes a value, so that a shell reads it as one word. */
function quote(value: string): string {
  return /^[\w./:@-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
