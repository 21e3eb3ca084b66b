import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startServer } from './server.ts';

const run = promisify(execFile);

declare module 'vitest' {
  interface ProvidedContext {
    /** The server under test, as somebody who may create databases and roles. */
    adminUrl: string;
    /** What the names of this run's databases and roles begin with. */
    runName: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const runName = `cb_${crypto.randomUUID().slice(0, 8)}`;
  project.provide('runName', runName);
  const [database] = await Promise.all([provideServer(project, runName), buildLibrary()]);
  return () => database.close();
}

async function provideServer(project: TestProject, runName: string): Promise<{ close(): Promise<void> }> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    project.provide('adminUrl', given);
    return { close: () => dropLeftovers(given, runName) };
  }
  const server = await startServer();
  project.provide('adminUrl', server.url());
  return { close: () => server.stop() };
}

/** Tests that start processes run what ships. Type errors are for `npm run check`: JavaScript comes out anyway. */
async function buildLibrary(): Promise<void> {
  await run('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json']).catch((error) => {
    console.warn(`The library was built with errors:\n${error.stdout}`);
  });
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
