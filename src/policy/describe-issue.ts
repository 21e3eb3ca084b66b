import type * as v from 'valibot';
import type { Problem } from '../errors.ts';
import { shorten } from '../reason.ts';
import { NOTHING } from './containers.ts';
import { pathOf } from './place.ts';
import { formatText } from './rule.ts';

/** The type's name where valibot has it from a constructor. */
const KINDS: Readonly<Record<string, string>> = {
  Object: 'an object',
  Array: 'a list',
  Function: 'a function',
  undefined: 'missing',
};

/** What is wrong, and where: at a path below `root`. */
export function describeIssue(issue: v.BaseIssue<unknown>, root: string): Problem {
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  const at = keys.length === 0 ? root : pathOf(...keys);
  if (issue.expected === NOTHING) return { code: 'OPTION_UNKNOWN', at, message: `${issue.message}.` };
  if (isMissingKey(issue)) {
    const parent = keys.length === 1 ? root : pathOf(...keys.slice(0, -1));
    const message = `it is missing: ${parent} ${issue.message}.`;
    return { code: 'OPTION_INVALID', at, message };
  }
  return { code: 'OPTION_INVALID', at, message: `${issue.message} (it ${describeReceived(issue)}).` };
}

function describeReceived({ type, input, received }: v.BaseIssue<unknown>): string {
  if (typeof input === 'string') return `is ${formatText(shorten(input, 80))}`;
  if (type === 'min_length') return `has ${received}`;
  return `is ${KINDS[received] ?? received}`;
}

/** An issue of the object itself, at the key that it lacks. */
function isMissingKey(issue: v.BaseIssue<unknown>): boolean {
  return (
    issue.type === 'loose_object' && issue.received === 'undefined' && issue.path?.at(-1)?.type === 'object'
  );
}
