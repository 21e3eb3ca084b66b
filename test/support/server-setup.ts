import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startServer } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server under test, as somebody who may create databases and roles. */
    adminUrl: string;
    /** What the names of this run's databases and roles begin with. */
    runName: string;
    /** Options of each `create database`. */
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
    project.provide('databaseOptions', await databaseOptions(given));
    return () => dropLeftovers(given, runName);
  }
  const server = await startServer();
  project.provide('adminUrl', server.url());
  project.provide('databaseOptions', await databaseOptions(server.url()));
  return () => server.stop();
}

/** Copying files takes half of the CPU of writing them to the log; its two checkpoints cost nothing without fsync. */
async function databaseOptions(url: string): Promise<string> {
  const admin = new pg.Client(url);
  await admin.connect();
  const { rows } = await admin.query(
    `select current_setting('fsync') = 'off' and current_setting('server_version_num')::int >= 150000 as cheap`,
  );
  await admin.end();
  return rows[0].cheap ? 'strategy file_copy' : '';
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
