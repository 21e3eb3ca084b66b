import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Problem } from '../errors.ts';
import { reasonOf } from '../text.ts';
import { type LoadedPolicy, readPolicyBy } from './policy-file.ts';

/** Whether a text names a file of a git revision, as `HEAD~1:policy.yaml`; a file of that very name comes first. */
export function isRevision(text: string): boolean {
  return text.includes(':') && !existsSync(text);
}

/** Reads a policy file as it was in a revision. Never throws: what is wrong is in `problems`. */
export function readPolicyRevision(revision: string): Promise<LoadedPolicy> {
  return readPolicyBy(revision, () => readBlob(revision), describeUnknownRevision);
}

const MAX_BYTES = 1_000_000_000;

async function readBlob(revision: string): Promise<Uint8Array> {
  // git would take it for an option.
  if (revision.startsWith('-')) throw new Error('a revision does not begin with "-"');
  const { stdout } = await promisify(execFile)('git', ['cat-file', 'blob', revision], {
    encoding: 'buffer',
    maxBuffer: MAX_BYTES,
  });
  return stdout;
}

function describeUnknownRevision(revision: string, error: unknown): Problem {
  const stderr: unknown = error instanceof Error ? Reflect.get(error, 'stderr') : undefined;
  const said = stderr instanceof Uint8Array ? new TextDecoder().decode(stderr).trim() : '';
  const reason = (said.split('\n')[0] || reasonOf(error)).replace(/^fatal: |\.$/g, '');
  const message = `git does not have it: ${reason}. Write REVISION:PATH, with the path from the root of the repository.`;
  return { code: 'POLICY_NOT_FOUND', at: revision, message };
}
