import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { type RunningPglite, startInFolder, startInMemory } from './pglite.ts';

/**
 * The path of the files of a new cluster. `npm pack` creates them (scripts/new-cluster.js), because initdb takes five
 * times as long as a start. Throws if the package can't be found, as in an application that is bundled into one file.
 */
function preparedFile(): string {
  const manifest = createRequire(import.meta.url).resolve('casbin-bootstrap/package.json');
  return join(dirname(manifest), 'dist/new-cluster.tar.br');
}

/** The files that databases of this process start from. */
let snapshot: Promise<Blob> | undefined;

/**
 * Starts a PGlite in memory from a copy of a new cluster's files: those in `file` or, where these can't be used,
 * those of the first PGlite of this process.
 */
export async function startFromSnapshot(file?: string): Promise<RunningPglite> {
  if (snapshot !== undefined) return startInMemory(await snapshot);
  const starting = startFirst(file);
  snapshot = starting.then(({ files }) => files);
  // The next start may succeed.
  snapshot.catch(() => {
    snapshot = undefined;
  });
  return (await starting).pglite;
}

/** Another release of PGlite may have another PostgreSQL, which refuses these files. */
async function startFirst(file?: string): Promise<{ pglite: RunningPglite; files: Blob }> {
  try {
    const files = await readPrepared(file);
    return { pglite: await startInMemory(files), files };
  } catch {
    const pglite = await startInMemory();
    // Nobody may write to it before it is copied.
    return { pglite, files: await pglite.dump() };
  }
}

/** Starts a PGlite on a folder, and copies a new cluster's files to it if it has none. */
export function startOnFolder(dataDir: string, file?: string): Promise<RunningPglite> {
  return startInFolder(dataDir, () => readPrepared(file));
}

async function readPrepared(file: string = preparedFile()): Promise<Blob> {
  return new Blob([await promisify(brotliDecompress)(await readFile(file))]);
}

/** Writes the files of a new cluster for {@link startFromSnapshot}. A reader never finds a part of them. */
export async function prepareSnapshot(file: string = preparedFile()): Promise<void> {
  const pglite = await startInMemory();
  const files = Buffer.from(await (await pglite.dump()).arrayBuffer());
  await pglite.close();
  const compressed = await promisify(brotliCompress)(files, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 5,
      // A window that spans the three databases of a cluster, which are almost the same.
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    },
  });
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, compressed);
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}
