import { BootstrapError, InvalidOptionsError, VerificationError } from '../errors.ts';
import { reasonOf } from '../text.ts';
import type { Remark } from './remark.ts';
import { listVerificationRemarks } from './verification.ts';

/** What ended a command, as remarks: each problem of the input, each finding of a verification, or the error itself. */
export function listErrorRemarks(error: unknown): Remark[] {
  if (error instanceof InvalidOptionsError) {
    return error.problems.map(({ code, at, message }): Remark => ({ level: 'error', code, at, message }));
  }
  if (error instanceof VerificationError) return listVerificationRemarks(error.report);
  const [code, message] =
    error instanceof BootstrapError ? [error.code, error.message] : ['UNEXPECTED', reasonOf(error)];
  return [{ level: 'error', code, at: null, message }];
}
