import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startServer } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server under test, as somebody who may create databases and roles. */
    adminUrl: string;
    /** What the names of this run's databases and roles begin with. */
    runName: string;
    /** What each database is made from, as options of `create database`. */
    databaseOptions: string;
  }
}

/** Provides the server that TEST_DATABASE_URL names, else one of the run's own. */
export default async function provideServer(project: TestProject): Promise<() => Promise<void>> {
  const runName = `cb_${crypto.randomUUID().slice(0, 8)}`;
  project.provide('runName', runName);
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    project.provide('adminUrl', given);
    project.provide('databaseOptions', await createTemplate(given, runName));
    return () => dropLeftovers(given, runName);
  }
  const server = await startServer();
  await makeLoginCheap(server.url());
  project.provide('adminUrl', server.url());
  project.provide('databaseOptions', await createTemplate(server.url(), runName));
  return () => server.stop();
}

/** Else a client hashes its password 4,096 times, as often as it connects. */
async function makeLoginCheap(adminUrl: string): Promise<void> {
  const admin = new pg.Client(adminUrl);
  await admin.connect();
  await admin.query('alter system set scram_iterations = 1');
  await admin.query('select pg_reload_conf()');
  const { username, password } = new URL(adminUrl);
  await admin.query(`set scram_iterations = 1; alter role ${username} password '${password}'`);
  await admin.end();
}

/**
 * Makes an empty database that all others are copied from. Somebody was connected to it, so that its copies have the
 * file of the catalogs' descriptors, which the first backend of a database makes otherwise; now nobody can be, so that
 * clones at the same time don't disturb each other.
 */
async function createTemplate(adminUrl: string, runName: string): Promise<string> {
  const name = `${runName}_template`;
  const admin = new pg.Client(adminUrl);
  await admin.connect();
  await admin.query(`create database ${name} template template0 encoding 'UTF8'`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const first = new pg.Client(url.href);
  await first.connect();
  await first.end();
  await admin.query(`alter database ${name} allow_connections false`);
  // Copying files takes half of the CPU of writing them to the log; its two checkpoints cost nothing without fsync.
  const { rows } = await admin.query(
    `select current_setting('fsync') = 'off' and current_setting('server_version_num')::int >= 150000 as cheap`,
  );
  await admin.end();
  return `template ${name} ${rows[0].cheap ? 'strategy file_copy' : ''}`;
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
