import { mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const PLENTY_BYTES = 4 * 2 ** 30;

/** A new folder for a cluster. In memory where there is room: a database is 300 small files, made and removed. */
export async function createScratch(): Promise<string> {
  const base = (await freeBytes(MEMORY)) >= PLENTY_BYTES ? MEMORY : tmpdir();
  return mkdtemp(join(base, 'casbin-bootstrap-'));
}

async function freeBytes(path: string): Promise<number> {
  const stats = await statfs(path).catch(() => undefined);
  return stats === undefined ? 0 : stats.bavail * stats.bsize;
}
