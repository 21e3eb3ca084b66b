import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type RunningPglite, startInMemory } from '../../src/embedded/pglite.ts';
import { createFolder } from '../support/folder.ts';
import { STARTS_PGLITE } from './timeout.ts';

type Snapshot = typeof import('../../src/embedded/snapshot.ts');

/** What a process has that has started no PGlite yet. */
let snapshot: Snapshot;
let prepared: Buffer;
let ofPrepared: Cluster;

/** Creating a cluster takes seconds: after the first one, a PGlite that would do so starts from these files. */
let created: Blob;
let ofCreated: Cluster;

/** Whether no PGlite starts in memory. */
let isBroken = false;

/** Which files a PGlite has started from. */
interface Cluster {
  readonly id: string;
  readonly mark: string | null;
}

async function load(): Promise<Snapshot> {
  vi.resetModules();
  return import('../../src/embedded/snapshot.ts');
}

beforeAll(async () => {
  prepared = await readFile('dist/new-cluster.tar.br').catch(prepareAnew);

  const pglite = await startInMemory(new Blob([brotliDecompressSync(prepared)]));
  const client = await connectTo(pglite);
  ofPrepared = await readCluster(client);
  await client.query(`comment on database postgres is 'created'`);
  ofCreated = await readCluster(client);
  await client.end();
  created = await pglite.dump();
  await pglite.close();
  vi.doMock('../../src/embedded/pglite.ts', async (importOriginal) => ({
    ...(await importOriginal<object>()),
    startInMemory: (files = created) =>
      isBroken ? Promise.reject(new Error('no memory is left')) : startInMemory(files),
  }));
}, STARTS_PGLITE.timeout);

afterAll(() => {
  // Else the next file of this worker would get it.
  vi.doUnmock('../../src/embedded/pglite.ts');
  vi.resetModules();
});

beforeEach(async () => {
  snapshot = await load();
});

/** What `npm pack` does, and the setup of the tests has done before most runs: it takes seconds. */
async function prepareAnew(): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'casbin-bootstrap-snapshot-'));
  const file = path.join(folder, 'cluster.tar.br');
  const { prepareSnapshot } = await load();
  await prepareSnapshot(file);
  const files = await readFile(file);
  await rm(folder, { recursive: true });
  return files;
}

test('the first PGlite of each process starts from the prepared files', async () => {
  const file = path.join(await createFolder(), 'cluster.tar.br');
  await writeFile(file, prepared);

  expect(await identify(await snapshot.startFromSnapshot(file))).toEqual(ofPrepared);
  const another = await load();
  expect(await identify(await another.startFromSnapshot(file))).toEqual(ofPrepared);
});

test('several processes may prepare the same file at once, and nothing unfinished stays', async () => {
  const folder = path.join(await createFolder(), 'new');
  const file = path.join(folder, 'cluster.tar.br');
  await Promise.all([snapshot.prepareSnapshot(file), snapshot.prepareSnapshot(file)]);

  expect(await readdir(folder)).toEqual(['cluster.tar.br']);
  expect(await identify(await snapshot.startFromSnapshot(file))).toEqual(ofCreated);
});

test('nothing unfinished stays where the file can not be written', async () => {
  const folder = await createFolder();
  const file = path.join(folder, 'cluster.tar.br');
  await mkdir(file);
  await expect(snapshot.prepareSnapshot(file)).rejects.toThrow('EISDIR');
  expect(await readdir(folder)).toEqual(['cluster.tar.br']);
});

test('a start that failed is tried again by the next one', async () => {
  const file = path.join(await createFolder(), 'cluster.tar.br');
  isBroken = true;
  await expect(snapshot.startFromSnapshot(file)).rejects.toThrow('no memory is left');
  isBroken = false;
  expect(await identify(await snapshot.startFromSnapshot(file))).toEqual(ofCreated);
});

test('files that PGlite can not start from are an error with its reason', async () => {
  await expect(startInMemory(new Blob(['no files']))).rejects.toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringMatching(/^The embedded database did not start: ./),
    cause: expect.any(Error),
  });
});

test('missing files are passed over, and later databases start from those of the first', async () => {
  const file = path.join(await createFolder(), 'cluster.tar.br');
  expect(await identify(await snapshot.startFromSnapshot(file))).toEqual(ofCreated);

  await writeFile(file, prepared);
  const later = await identify(await snapshot.startFromSnapshot(file));
  expect(later, 'the file is not read again').toEqual(ofCreated);
});

test.each(['not compressed', 'cut off', 'of another PostgreSQL'])(
  'files that are %s are passed over',
  async (fault) => {
    const file = path.join(await createFolder(), 'cluster.tar.br');
    await spoil(file, fault);

    expect(await identify(await snapshot.startFromSnapshot(file))).toEqual(ofCreated);
  },
);

test('a folder gets a copy of the prepared files once', async () => {
  const folder = await createFolder();
  const file = path.join(folder, 'cluster.tar.br');
  await writeFile(file, prepared);
  const dataDir = path.join(folder, 'data');

  expect(await identify(await snapshot.startOnFolder(dataDir, file))).toEqual(ofPrepared);
  await rm(file);
  expect(await identify(await snapshot.startOnFolder(dataDir, file))).toEqual(ofPrepared);
});

test(
  'a folder gets a cluster of its own where the files are of another PostgreSQL',
  STARTS_PGLITE,
  async () => {
    const folder = await createFolder();
    const file = path.join(folder, 'cluster.tar.br');
    await spoil(file, 'of another PostgreSQL');
    const dataDir = path.join(folder, 'data');

    const own = await identify(await snapshot.startOnFolder(dataDir, file));
    expect(own.id).not.toBe(ofPrepared.id);
    expect(await identify(await snapshot.startOnFolder(dataDir, file))).toEqual(own);
  },
);

async function spoil(file: string, fault: string): Promise<void> {
  switch (fault) {
    case 'not compressed':
      return writeFile(file, 'no files of a cluster');
    case 'cut off':
      return writeFile(file, prepared.subarray(0, prepared.length / 2));
    default: {
      const files = brotliDecompressSync(prepared);
      // A tar entry's content follows its header of 512 bytes; the catalog version is the fourth number of this one.
      files.writeUInt32LE(209901011, files.indexOf('/global/pg_control') + 512 + 12);
      const params = { [constants.BROTLI_PARAM_QUALITY]: 1 };
      return writeFile(file, brotliCompressSync(files, { params }));
    }
  }
}

async function identify(pglite: RunningPglite): Promise<Cluster> {
  const client = await connectTo(pglite);
  const cluster = await readCluster(client);
  await client.end();
  await pglite.close();
  return cluster;
}

async function connectTo(pglite: RunningPglite): Promise<pg.Client> {
  const client = new pg.Client(pglite.createClientConfig());
  await client.connect();
  return client;
}

async function readCluster(client: pg.Client): Promise<Cluster> {
  const { rows } = await client.query<Cluster>(`
    select (select system_identifier::text from pg_control_system()) as id,
           (select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()) as mark`);
  const [cluster] = rows;
  if (cluster === undefined) throw new Error('The PGlite has no cluster.');
  return cluster;
}
