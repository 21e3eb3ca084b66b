import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { type Server, startServer } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server under test, as somebody who may create databases and roles. */
    adminUrl: string;
    /** What the names of this run's databases and roles begin with. */
    runName: string;
    /** The empty database that others are copied from. */
    template: string;
    /** How that is done, as an option of `create database`. */
    copyStrategy: string;
  }
}

/** Each backend maps it, and thousands are started for databases that hold some hundred rows. */
const SETTINGS = { shared_buffers: '32MB' };

/** Provides the server that TEST_DATABASE_URL names, else one of the run's own. */
export default async function provideServer(project: TestProject): Promise<() => Promise<void>> {
  const runName = `cb_${crypto.randomUUID().slice(0, 8)}`;
  project.provide('runName', runName);
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    project.provide('adminUrl', given);
    await provideTemplate(project, given, runName);
    return () => dropLeftovers(given, runName);
  }
  const server = await startServer({ settings: SETTINGS });
  await makeLoginCheap(server);
  project.provide('adminUrl', server.url());
  await provideTemplate(project, server.url(), runName);
  return () => server.stop();
}

/**
 * The superuser, as whom almost every session of the tests logs in, needs no password. The roles that tests make need
 * theirs; a client would hash it 4,096 times.
 */
async function makeLoginCheap({ dataDir, url }: Server): Promise<void> {
  const file = join(dataDir, 'pg_hba.conf');
  await writeFile(file, `host all postgres 127.0.0.1/32 trust\n${await readFile(file, 'utf8')}`);
  const admin = new pg.Client(url());
  await admin.connect();
  await admin.query('alter system set scram_iterations = 1');
  await admin.query('select pg_reload_conf()');
  await admin.end();
}

/**
 * Makes an empty database that all others are copied from. Somebody was connected to it, so that its copies have the
 * file of the catalogs' descriptors, which the first backend of a database makes otherwise; now nobody can be, so that
 * clones at the same time don't disturb each other. Its schema public is closed to other roles on PostgreSQL 14 too,
 * as it is on later versions.
 */
async function provideTemplate(project: TestProject, adminUrl: string, runName: string): Promise<void> {
  const name = `${runName}_template`;
  const admin = new pg.Client(adminUrl);
  await admin.connect();
  await admin.query(`create database ${name} template template0 encoding 'UTF8'`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const first = new pg.Client(url.href);
  await first.connect();
  await first.query('revoke create on schema public from public');
  await first.end();
  await admin.query(`alter database ${name} allow_connections false`);
  // Copying files takes half of the CPU of writing them to the log; its two checkpoints cost nothing without fsync.
  const { rows } = await admin.query(
    `select current_setting('fsync') = 'off' and current_setting('server_version_num')::int >= 150000 as cheap`,
  );
  await admin.end();
  project.provide('template', name);
  project.provide('copyStrategy', rows[0].cheap ? 'strategy file_copy' : '');
}

/** What interrupted tests left on a server that is not ours. */
async function dropLeftovers(url: string, runName: string): Promise<void> {
  const admin = new pg.Client(url);
  await admin.connect();
  const databases = await admin.query(
    'select datname as name from pg_database where starts_with(datname, $1)',
    [runName],
  );
  for (const { name } of databases.rows) await admin.query(`drop database ${name} with (force)`);
  const roles = await admin.query('select rolname as name from pg_roles where starts_with(rolname, $1)', [
    runName,
  ]);
  for (const { name } of roles.rows) await admin.query(`drop role ${name}`);
  await admin.end();
}
