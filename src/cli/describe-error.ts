import { CommanderError } from 'commander';
import { BootstrapError } from '../errors.ts';
import { reasonOf } from '../reason.ts';

/** Says what went wrong in one message, never a stack; what nobody foresaw comes with a hint. */
export function describeError(error: unknown): string {
  if (error instanceof BootstrapError) return `casbin-bootstrap: ${error.message}`;
  return `casbin-bootstrap: ${reasonOf(error)}. Set LOG_LEVEL=debug for the details.`;
}

/** An error with its code, its message and what it carries: problems, a report, holders of a lock. */
export function toJson(error: unknown): object {
  if (error instanceof BootstrapError) {
    const { name, code, message, ...details } = { ...error, message: error.message };
    return { name, code, message, ...details };
  }
  if (error instanceof CommanderError) {
    return { name: error.name, code: 'WRONG_USAGE', message: error.message.replace(/^error: /, '') };
  }
  return { name: 'Error', code: 'UNEXPECTED', message: reasonOf(error) };
}
