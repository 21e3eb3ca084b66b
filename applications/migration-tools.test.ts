import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../test/support/database.ts';
import { OPTIONS } from './defined.fixture.ts';
import { bootstrapDatabase, definePolicy, writeBootstrapSql } from './library.ts';
import { readTable } from './rule-rows.ts';

const FOLDER = 'applications/migration-tools';

/** How each is run: a program of migration-tools/, or a script of its package.json; then commands of the tool. */
const TOOLS = [
  { tool: 'Kysely', up: 'node kysely/migrate.js' },
  {
    tool: 'kysely-ctl',
    up: 'npm run migrate:kysely-ctl',
    down: 'kysely migrate:down --cwd kysely',
    generate: 'kysely migrate:make next --cwd kysely',
  },
  { tool: 'TypeORM', up: 'node typeorm/migrate.js' },
  {
    tool: 'the command of TypeORM',
    up: 'npm run migrate:typeorm',
    down: 'typeorm migration:revert -d typeorm/data-source.js',
    generate: 'typeorm migration:generate typeorm/migrations/next -d typeorm/data-source.js --outputJs --esm',
  },
  { tool: 'Drizzle', up: 'node drizzle/migrate.js' },
  {
    tool: 'drizzle-kit',
    up: 'npm run migrate:drizzle',
    generate: 'drizzle-kit generate --config drizzle/drizzle.config.js --custom --name next',
  },
  { tool: 'Knex', up: 'node knex/migrate.js' },
  {
    tool: 'the command of Knex',
    up: 'npm run migrate:knex',
    down: 'knex migrate:rollback --knexfile knex/knexfile.js',
    generate: 'knex migrate:make next --knexfile knex/knexfile.js',
  },
  { tool: 'node-pg-migrate', up: 'node node-pg-migrate/migrate.js' },
  {
    tool: 'the command of node-pg-migrate',
    up: 'npm run migrate:node-pg-migrate',
    down: 'node-pg-migrate down -m node-pg-migrate/migrations',
    generate: 'node-pg-migrate create next -m node-pg-migrate/migrations',
  },
];

/** An application of its own, as commands write into it, on an empty database. */
async function createProject() {
  const database = await createDatabase();
  const folder = resolve(`applications/.data/${database.name}`);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true });
  const modules = resolve(FOLDER, 'node_modules');
  await cp(FOLDER, folder, { recursive: true, filter: (path) => resolve(path) !== modules });
  await symlink(modules, join(folder, 'node_modules'));
  return { folder, pool: database.pool(), run: (command: string) => runIn(folder, database, command) };
}

/** What a command prints, and its exit code. */
async function runIn(folder: string, { url }: TestDatabase, command: string) {
  const path = [`${FOLDER}/node_modules/.bin`, 'applications/node_modules/.bin'].map((bin) => resolve(bin));
  const env = {
    ...process.env,
    DATABASE_URL: url,
    PATH: [...path, process.env.PATH].join(':'),
    // Keeps kysely-ctl from asking for newer versions.
    CI: 'true',
    NO_COLOR: '1',
  };
  const [program = '', ...args] = command.split(' ');
  return promisify(execFile)(program, args, { cwd: folder, env, timeout: 60_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ code, output: stdout + stderr }),
  );
}

/** How many rules of the definition are stored; null where nobody has bootstrapped. */
async function countRules(pool: pg.Pool): Promise<number | null> {
  return (await hasTable(pool, 'auth.casbin'))
    ? (await pool.query('select from auth.casbin')).rowCount
    : null;
}

async function hasTable(pool: pg.Pool, name: string): Promise<boolean> {
  const { rows } = await pool.query('select to_regclass($1) is not null as "has"', [name]);
  return rows[0].has;
}

describe.for(TOOLS)('after $tool', ({ up }) => {
  test('has migrated, the database is bootstrapped; and also when nothing was pending', async () => {
    const { pool, run } = await createProject();
    expect(await run(up)).toMatchObject({ code: 0 });
    expect(await hasTable(pool, 'invoices')).toBe(true);
    expect(await countRules(pool)).toBe(3);
    await pool.query('truncate auth.casbin');

    expect(await run(up)).toMatchObject({ code: 0 });

    expect(await countRules(pool)).toBe(3);
  });

  test('has failed to migrate, the database is not bootstrapped', async () => {
    const { pool, run } = await createProject();
    await pool.query('create table invoices (number text)');

    const { code } = await run(up);

    expect(code).toBe(1);
    expect(await countRules(pool)).toBeNull();
  });
});

test.for(TOOLS.filter(({ generate }) => generate !== undefined))(
  '$tool does not bootstrap while it generates a migration',
  async ({ generate = '' }) => {
    const { pool, run } = await createProject();
    expect(await run(generate)).toMatchObject({ code: 0 });
    expect(await countRules(pool)).toBeNull();
  },
);

test.for(TOOLS.filter(({ down }) => down !== undefined))(
  '$tool does not bootstrap when it migrates down',
  async ({ up, down = '' }) => {
    const { pool, run } = await createProject();
    await run(up);
    await pool.query('truncate auth.casbin');

    expect(await run(down)).toMatchObject({ code: 0 });

    expect(await hasTable(pool, 'invoices')).toBe(false);
    expect(await countRules(pool)).toBe(0);
  },
);

describe('of two instances that start at the same moment', () => {
  test.for(['kysely', 'knex', 'node-pg-migrate'])('with %s, one waits for the other', async (tool) => {
    expect(await startTwo(`node ${tool}/migrate.js`)).toEqual([0, 0]);
  });

  test.for(['typeorm', 'drizzle'])('with %s, one fails', async (tool) => {
    expect(await startTwo(`node ${tool}/migrate.js`)).toEqual([0, 1]);
  });

  test('with kysely, one waits also where both would make the tables of Kysely', async () => {
    expect(await startTwo('node kysely/migrate.js', 'kysely_migration')).toEqual([0, 0]);
  });

  test('with knex, one fails where both would make the tables of Knex', async () => {
    expect(await startTwo('node knex/migrate.js', 'knex_migrations')).toEqual([0, 1]);
  });
});

/** The exit codes, the lower one first, of two processes that wait where one makes a table, or for that process. */
async function startTwo(up: string, table = 'invoices'): Promise<(number | undefined)[]> {
  const { pool, run } = await createProject();
  const holder = await pool.connect();
  await holder.query('begin');
  await holder.query(`create table ${table} (id integer)`);
  const instances = [run(up)];
  await expect.poll(() => countWaiting(pool)).toBe(1);
  instances.push(run(up));
  await expect.poll(() => countWaiting(pool)).toBe(2);
  await holder.query('rollback');
  holder.release();
  const codes = (await Promise.all(instances)).map(({ code }) => code);
  expect(await countRules(pool)).toBe(3);
  return codes.sort();
}

/** How many sessions of this database wait for a lock. */
async function countWaiting(pool: pg.Pool): Promise<number | null> {
  const sessions = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return (await pool.query(sessions)).rowCount;
}

/** A migration that runs SQL, as the page says it for each tool; `text` is the SQL. Drizzle takes the SQL itself. */
const BY_SQL = [
  {
    tool: 'Kysely',
    up: 'kysely migrate:latest --cwd kysely',
    file: 'kysely/migrations/02_policy.js',
    code: `import { sql } from 'kysely'; export const up = (db) => sql.raw(text).execute(db);`,
  },
  {
    tool: 'TypeORM',
    up: 'typeorm migration:run -d typeorm/data-source.js',
    file: 'typeorm/migrations/02_policy.js',
    code: 'export class Policy2000000000000 { up(runner) { return runner.query(text); } down() {} }',
  },
  {
    tool: 'Knex',
    up: 'knex migrate:latest --knexfile knex/knexfile.js',
    file: 'knex/migrations/02_policy.js',
    code: String.raw`export const up = (knex) => knex.raw(text.replaceAll('?', '\\?')); export const down = () => {};`,
  },
  {
    tool: 'node-pg-migrate',
    up: 'node-pg-migrate up -m node-pg-migrate/migrations',
    file: 'node-pg-migrate/migrations/02_policy.js',
    code: 'export const up = (pgm) => pgm.sql(text);',
  },
  {
    tool: 'Drizzle',
    up: 'drizzle-kit migrate --config drizzle/drizzle.config.js',
    generate: 'drizzle-kit generate --config drizzle/drizzle.config.js --custom --name policy',
    file: 'drizzle/migrations/0001_policy.sql',
  },
];

test.for(BY_SQL)('a bootstrap as SQL can be a migration of $tool', async ({ up, generate, file, code }) => {
  const { folder, pool, run } = await createProject();
  const policy = definePolicy({
    roles: { viewer: { permissions: { '/files?name={name}&of=:user': ['read'] } } },
  });
  const options = { policy, seeders: [], schema: 'auth' };
  const text = await writeBootstrapSql(options);
  if (generate !== undefined) expect(await run(generate)).toMatchObject({ code: 0 });
  const migration = code === undefined ? text : `const text = ${JSON.stringify(text)}; ${code}`;
  await writeFile(join(folder, file), migration);

  expect(await run(up)).toMatchObject({ code: 0 });

  expect(await bootstrapDatabase(pool, options)).toMatchObject({
    changed: false,
    verification: { ok: true },
  });
});

test('kysely-ctl fails when the bootstrap does, and says why', async () => {
  const { pool, run } = await createProject();
  await pool.query('create schema auth');
  await pool.query('create table auth.casbin (name text)');

  const { code, output } = await run('npm run migrate:kysely-ctl');

  expect(code).toBe(1);
  expect(output).toContain('Table "casbin" exists, but not as needed');
  expect(await hasTable(pool, 'invoices'), 'what was migrated stays').toBe(true);
});

test('TypeORM synchronizes before the bootstrap, at each start, and leaves what that has made', async () => {
  const { pool, run } = await createProject();
  expect(await run('node typeorm/synchronize.js')).toEqual({ code: 0, output: '' });
  expect(await countRules(pool)).toBe(3);
  await pool.query('alter table invoices add column extra text');
  await pool.query(`delete from auth.casbin where ptype = 'g'`);

  expect(await run('node typeorm/synchronize.js')).toEqual({ code: 0, output: '' });

  expect(await countRules(pool)).toBe(3);
  await expect(pool.query('select extra from invoices')).rejects.toThrow('does not exist');
});

test('TypeORM leaves our tables alone in its own schema as well', async () => {
  const { folder, pool, run } = await createProject();
  await bootstrapDatabase(pool, OPTIONS);
  const before = await readTable(pool, 'casbin');

  await run('typeorm migration:generate next -d typeorm/data-source.js --outputJs --esm');
  const [generated = ''] = (await readdir(folder)).filter((name) => name.endsWith('-next.js'));
  const migration = await readFile(join(folder, generated), 'utf8');
  expect(migration).toContain('invoices');
  expect(migration).not.toContain('casbin');

  expect(await run('node typeorm/synchronize.js')).toMatchObject({ code: 0 });
  expect(await readTable(pool, 'casbin')).toEqual(before);
  expect((await pool.query('select from casbin')).rowCount).toBe(4);
});

test('Knex does not call afterAll when nothing was pending, and calls it when it goes down', async () => {
  const { run } = await createProject();
  const knex = (command: string) => run(`knex ${command} --knexfile knex/after-all.knexfile.js`);
  const called = expect.stringContaining('afterAll was called');

  expect(await knex('migrate:latest')).toEqual({ code: 0, output: called });
  expect(await knex('migrate:latest')).toEqual({ code: 0, output: expect.not.stringContaining('afterAll') });
  expect(await knex('migrate:rollback')).toEqual({ code: 0, output: called });
});

describe('drizzle-kit push', () => {
  const push = (config: string) => `drizzle-kit push --force --verbose --config drizzle/${config}.config.js`;

  test('leaves a bootstrap in a schema of its own alone', async () => {
    const { pool, run } = await createProject();
    expect(await run('npm run push:drizzle')).toMatchObject({ code: 0 });
    expect(await countRules(pool)).toBe(3);

    const { output } = await run(push('drizzle'));

    expect(output).toContain('No changes detected');
    expect(await countRules(pool)).toBe(3);
  });

  test('drops our tables in the schema that it pushes to', async () => {
    const { pool, run } = await createProject();
    await bootstrapDatabase(pool, OPTIONS);
    const { output: asked } = await run(push('drizzle'));
    expect(asked, 'is a new table one of ours, renamed?').toContain('Interactive prompts require a TTY');
    await pool.query('create table invoices (id serial primary key)');

    const { output } = await run(push('drizzle'));

    expect(output).toContain('DROP TABLE "casbin"');
    expect(await hasTable(pool, 'casbin')).toBe(false);
  });

  test('keeps them with a tablesFilter, and stops at their sequences, which no filter keeps from it', async () => {
    const { pool, run } = await createProject();
    await bootstrapDatabase(pool, OPTIONS);

    const { code, output } = await run(push('tables-filter'));

    expect(output).not.toContain('DROP TABLE');
    expect(output).toContain('cannot drop sequence casbin_id_seq');
    expect(code, 'its exit code says nothing of it').toBe(0);
    expect((await pool.query('select from casbin')).rowCount).toBe(4);
    expect(await hasTable(pool, 'invoices'), 'the application has its tables').toBe(true);
  });
});
