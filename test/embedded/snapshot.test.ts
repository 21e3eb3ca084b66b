import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type Engine, startInMemory } from '../../src/embedded/engine.ts';
import { STARTS_PGLITE } from './timeout.ts';

type Snapshot = typeof import('../../src/embedded/snapshot.ts');

/** What a process has that has started no engine yet. */
let snapshot: Snapshot;
let prepared: Buffer;
let idOfPrepared: string;

/** Creating a cluster takes seconds: after the first one, an engine that would do so starts from these files. */
let created: Blob;
let idOfCreated: string;

async function load(): Promise<Snapshot> {
  vi.resetModules();
  return import('../../src/embedded/snapshot.ts');
}

beforeAll(async () => {
  const file = path.join(tmpdir(), `casbin-bootstrap-snapshot-${process.pid}`, 'new', 'cluster.tar.br');
  const { prepareSnapshot, startFromSnapshot } = await load();
  await prepareSnapshot(file);
  prepared = await readFile(file);
  idOfPrepared = await identify(await startFromSnapshot(file));
  await rm(path.join(file, '../..'), { recursive: true });

  const engine = await startInMemory();
  created = await engine.dump();
  idOfCreated = await identify(engine);
  vi.doMock('../../src/embedded/engine.ts', async (importOriginal) => ({
    ...(await importOriginal<object>()),
    startInMemory: (files = created) => startInMemory(files),
  }));
}, STARTS_PGLITE.timeout);

afterAll(() => {
  // Else the next file of this worker would get it.
  vi.doUnmock('../../src/embedded/engine.ts');
  vi.resetModules();
});

beforeEach(async () => {
  snapshot = await load();
});

test('the first engine of each process starts from the prepared files', async () => {
  const file = path.join(await temporaryFolder(), 'cluster.tar.br');
  await writeFile(file, prepared);

  expect(await identify(await snapshot.startFromSnapshot(file))).toBe(idOfPrepared);
  const another = await load();
  expect(await identify(await another.startFromSnapshot(file))).toBe(idOfPrepared);
});

test('several processes may prepare the same file at once, and nothing unfinished stays', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'cluster.tar.br');
  await Promise.all([snapshot.prepareSnapshot(file), snapshot.prepareSnapshot(file)]);

  expect(await readdir(folder)).toEqual(['cluster.tar.br']);
  expect(await identify(await snapshot.startFromSnapshot(file))).toBe(idOfCreated);
});

test.each(['missing', 'not compressed', 'cut off', 'of another PostgreSQL'])(
  'files that are %s are passed over, and later engines start from those of the first',
  async (fault) => {
    const file = path.join(await temporaryFolder(), 'cluster.tar.br');
    await spoil(file, fault);

    expect(await identify(await snapshot.startFromSnapshot(file))).toBe(idOfCreated);

    await writeFile(file, prepared);
    expect(await identify(await snapshot.startFromSnapshot(file)), 'the file is not read again').toBe(
      idOfCreated,
    );
  },
);

test('a folder gets a copy of the prepared files once', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'cluster.tar.br');
  await writeFile(file, prepared);
  const dataDir = path.join(folder, 'data');

  expect(await identify(await snapshot.startOnFolder(dataDir, file))).toBe(idOfPrepared);
  await rm(file);
  expect(await identify(await snapshot.startOnFolder(dataDir, file))).toBe(idOfPrepared);
});

test(
  'a folder gets a cluster of its own where the files are of another PostgreSQL',
  STARTS_PGLITE,
  async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'cluster.tar.br');
    await spoil(file, 'of another PostgreSQL');
    const dataDir = path.join(folder, 'data');

    const id = await identify(await snapshot.startOnFolder(dataDir, file));
    expect(id).not.toBe(idOfPrepared);
    expect(await identify(await snapshot.startOnFolder(dataDir, file))).toBe(id);
  },
);

async function spoil(file: string, fault: string): Promise<void> {
  switch (fault) {
    case 'missing':
      return;
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

async function identify(engine: Engine): Promise<string> {
  const client = new pg.Client(engine.createClientConfig());
  await client.connect();
  const { rows } = await client.query('select system_identifier::text as id from pg_control_system()');
  await client.end();
  await engine.close();
  return rows[0].id;
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'casbin-bootstrap-snapshot-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
