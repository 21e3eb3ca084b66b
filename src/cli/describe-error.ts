import { BootstrapError } from '../errors.ts';
import { reasonOf } from '../reason.ts';

/** Says what went wrong in one message, never a stack; what nobody foresaw comes with a hint. */
export function describeError(error: unknown): string {
  if (error instanceof BootstrapError) return `casbin-bootstrap: ${error.message}`;
  return `casbin-bootstrap: ${reasonOf(error)}. Set LOG_LEVEL=debug for the details.`;
}
