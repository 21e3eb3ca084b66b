import { inspect } from 'node:util';
import { formatValue } from '../policy/rule.ts';
import { shorten } from '../reason.ts';

/** A request as a person reads it in a message: `user, accounts, read`. */
export function formatRequest(request: readonly unknown[]): string {
  return request.map(formatArgument).join(', ');
}

/** One value of a request, which may be an object with attributes. */
export function formatArgument(value: unknown): string {
  if (typeof value === 'string') return formatValue(value);
  return shorten(inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }));
}
