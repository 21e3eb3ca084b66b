import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createEmbeddedPool, type EmbeddedPool } from '../../src/embedded/index.ts';
import { lockDirectory } from '../../src/embedded/pglite.ts';
import { createFolder } from '../support/folder.ts';
import { NODE_FLAGS } from '../support/node-flags.ts';
import { runProcesses } from '../support/processes.ts';
import { STARTS_PGLITE } from './timeout.ts';

const INSERT = new URL('./children/insert.mjs', import.meta.url);
const HOLD = new URL('./children/hold.mjs', import.meta.url);
const DIE_CREATING = new URL('./children/die-creating.mjs', import.meta.url);

/** A database in a folder, to copy: creating one takes PGlite seconds. */
let template: string;
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'casbin-bootstrap-'));
  await query(template, 'select 1');
}, STARTS_PGLITE.timeout);
afterAll(() => rm(template, { recursive: true }));

test(
  'what one process writes into a folder, made with its parents, the next one reads',
  STARTS_PGLITE,
  async () => {
    const dataDir = join(await createFolder(), 'not', 'there', 'yet');
    await query(dataDir, 'create table t (n int); insert into t values (1)');

    await expect(query(dataDir, 'select n from t')).resolves.toEqual([{ n: 1 }]);
  },
);

test(
  'a folder is one whatever it is called, and that of the working directory then',
  STARTS_PGLITE,
  async () => {
    const [before, cwd] = [process.cwd(), await createFolder()];
    process.chdir(cwd);
    const pool = createEmbeddedPool({ dataDir: 'memory://data' });
    process.chdir(before);
    const client = await pool.connect();
    client.release();
    await pool.end();
    expect(await readdir(join(cwd, 'memory:', 'data'))).toContain('PG_VERSION');
  },
);

test(
  'processes that open a new folder at the same moment take turns, and all succeed',
  STARTS_PGLITE,
  async () => {
    const dataDir = join(await createFolder(), 'data');
    const results = await runProcesses(3, INSERT, { args: [dataDir] });

    expect(results.map((result) => result.stderr)).toEqual(['', '', '']);
    expect(results.map((result) => result.stdout).toSorted()).toEqual(['1\n', '2\n', '3\n']);
  },
);

test(
  'a killed process leaves its folder free at once, with what it had committed',
  STARTS_PGLITE,
  async () => {
    const dataDir = await createFolder();
    await cp(template, dataDir, { recursive: true });
    const holder = start(HOLD, dataDir);
    await once(holder.stdout, 'data');
    await expect(lockDirectory(dataDir, 0), 'held while it lives').rejects.toThrow(
      `in use by process ${holder.pid}`,
    );
    holder.kill('SIGKILL');
    await once(holder, 'close');
    const lock = await lockDirectory(dataDir, 0);
    await lock.release();

    await expect(query(dataDir, 'select pid from visit')).resolves.toEqual([{ pid: 1 }]);
  },
);

test('a creation that was interrupted is repeated by the next one', STARTS_PGLITE, async () => {
  const dataDir = await createFolder();
  const creator = start(DIE_CREATING, dataDir);
  await expect(once(creator, 'close')).resolves.toEqual([null, 'SIGKILL']);
  expect(await readdir(dataDir), 'the files are half written').toContain('base');
  expect(await readdir(dataDir)).not.toContain('PG_VERSION');

  await query(dataDir, 'create table t (n int); insert into t values (1)');
  await expect(query(dataDir, 'select n from t'), 'and stays').resolves.toEqual([{ n: 1 }]);
});

test(
  'a creation that was interrupted after the last of its files is repeated too',
  STARTS_PGLITE,
  async () => {
    const dataDir = await createFolder();
    await writeFile(join(dataDir, 'casbin-bootstrap.incomplete'), '');
    await writeFile(join(dataDir, 'PG_VERSION'), '9\n');

    await expect(query(dataDir, 'select 1 as n')).resolves.toEqual([{ n: 1 }]);
  },
);

test('no file of a creation that was interrupted stays in the next one', STARTS_PGLITE, async () => {
  const dataDir = await createFolder();
  await writeFile(join(dataDir, 'casbin-bootstrap.incomplete'), '');
  await mkdir(join(dataDir, 'base'));
  await writeFile(join(dataDir, 'base', 'half'), '');

  await query(dataDir, 'select 1');
  expect(await readdir(dataDir)).not.toContain('casbin-bootstrap.incomplete');
  expect(await readdir(join(dataDir, 'base'))).not.toContain('half');
});

test('a folder with other files in it is refused and not changed', async () => {
  const dataDir = await createFolder();
  await writeFile(join(dataDir, 'thesis.txt'), 'do not lose');

  await expect(query(dataDir, 'select 1')).rejects.toMatchObject({
    code: 'CONNECTION_FAILED',
    message:
      `The folder ${dataDir} has files in it and is not a PostgreSQL data directory. ` +
      'Use an empty or a new folder for the embedded database.',
  });
  expect(await readdir(dataDir)).toEqual(['casbin-bootstrap.lock', 'thesis.txt']);
});

test('a folder that can not be created, or not be locked, is named', async () => {
  const folder = await createFolder();
  await writeFile(join(folder, 'file'), '');
  await mkdir(join(folder, 'casbin-bootstrap.lock'));

  for (const dataDir of [join(folder, 'file', 'data'), folder]) {
    await expect(query(dataDir, 'select 1')).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(
        new RegExp(`^The folder ${dataDir} for .* can't be used: E[A-Z]+: .*\\. Use another one\\.$`),
      ),
    });
  }
});

test('files that PostgreSQL can not open are named, and the folder is free again', async () => {
  const dataDir = await createFolder();
  await writeFile(join(dataDir, 'PG_VERSION'), '9\n');

  await expect(query(dataDir, 'select 1')).rejects.toMatchObject({
    code: 'CONNECTION_FAILED',
    message: expect.stringContaining(`The embedded database in ${dataDir} could not be opened`),
    cause: expect.any(Error),
  });
  const lock = await lockDirectory(dataDir, 0);
  await lock.release();
});

test('a pool that did not start can start later', STARTS_PGLITE, async () => {
  const dataDir = await createFolder();
  const stray = join(dataDir, 'stray');
  await writeFile(stray, '');
  const pool = createEmbeddedPool({ dataDir });
  await expect(pool.connect()).rejects.toThrow('not a PostgreSQL data directory');
  await rm(stray);
  await cp(template, dataDir, { recursive: true });

  const client = await pool.connect();
  client.release();
  await pool.end();
});

async function query(dataDir: string, sql: string): Promise<unknown[]> {
  const pool: EmbeddedPool = createEmbeddedPool({ dataDir });
  try {
    const client = await pool.connect();
    const result = await client.query(sql);
    client.release();
    return [result].flat().at(-1)?.rows ?? [];
  } finally {
    await pool.end();
  }
}

function start(script: URL, dataDir: string) {
  const child = spawn(process.execPath, [...NODE_FLAGS, fileURLToPath(script), dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}
