import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder for the running test; removed with all that is in it when the test ends. */
export async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
