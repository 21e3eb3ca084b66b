import pg from 'pg';
import { afterAll, afterEach, beforeAll, inject, onTestFinished } from 'vitest';
import { busySessions, sessions, settled } from './leaks.ts';
import { PoolWatch } from './pool-watch.ts';

let sharedAdmin: pg.Pool | undefined;

/** A role that may log in; dropped together with the database that it was made for. */
export interface Role {
  readonly name: string;
  readonly password: string;
  /** The database, as this role. */
  readonly url: string;
}

/**
 * An empty database of its own for the running test: dropped, and checked for leaks, when the test ends.
 *
 * @param whenFinished that of the test's own context, where tests run at the same time: the imported one is of
 *   whichever test began last
 */
export async function createDatabase(whenFinished = onTestFinished): Promise<TestDatabase> {
  const database = new TestDatabase();
  whenFinished(() => database.drop());
  await database.create();
  return database;
}

/** The names of databases that were prepared to be copied. */
const prepared = new Map<string, Promise<string>>();

/**
 * The same, as a copy of a database that `prepare` has filled: to copy one takes a tenth of the time of a bootstrap. It
 * runs once in a worker for each `key`, which has to tell what it does.
 */
export async function copyDatabase(
  key: string,
  prepare: (pool: pg.Pool) => Promise<unknown>,
  whenFinished = onTestFinished,
): Promise<TestDatabase> {
  const preparing = prepared.get(key) ?? prepareDatabase(prepare);
  prepared.set(key, preparing);
  const template = await preparing;
  const database = new TestDatabase();
  whenFinished(() => database.drop());
  await database.create(template);
  return database;
}

/** It is there until the run ends, and nobody can connect to it any more. */
async function prepareDatabase(prepare: (pool: pg.Pool) => Promise<unknown>): Promise<string> {
  const { name, url } = await new TestDatabase().create();
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  await prepare(pool);
  await pool.end();
  await admin().query(`alter database ${name} allow_connections false`);
  await settled(() => sessions(admin(), name));
  return name;
}

/** One empty database for the tests of a file: call it at the top. Each test is checked for leaks. */
export function useDatabase(): TestDatabase {
  const database = new TestDatabase();
  beforeAll(async () => void (await database.create()));
  afterEach(() => database.checkLeaks());
  afterAll(() => database.drop());
  return database;
}

export class TestDatabase {
  readonly name = uniqueName();
  readonly url = urlTo(this.name);
  readonly #pools: PoolWatch[] = [];
  readonly #roles: string[] = [];
  readonly #settleMs: number | undefined;
  #dropped = false;

  /** @param settleMs how long what is about to end may take before it counts as left behind */
  constructor(settleMs?: number) {
    this.#settleMs = settleMs;
  }

  async create(template = inject('template')): Promise<this> {
    await admin().query(`create database ${this.name} template ${template} ${inject('copyStrategy')}`);
    return this;
  }

  /** A pool on this database, closed with it. Another `connectionString`: as a role, or through a wire. */
  pool(options: pg.PoolConfig = {}): pg.Pool {
    const watch = new PoolWatch({ connectionString: this.url, ...options });
    this.#pools.push(watch);
    return watch.pool;
  }

  /** A role with no more than the attributes: `createRole('nosuperuser createdb')`. */
  async createRole(attributes = ''): Promise<Role> {
    const role = { name: uniqueName(), password: crypto.randomUUID() };
    await admin().query(`create role ${role.name} login password '${role.password}' ${attributes}`);
    this.#roles.push(role.name);
    return { ...role, url: urlTo(this.name, role) };
  }

  /** The same for a role that the test has made itself: it gets a password, and is dropped with the database. */
  async claimRole(name: string): Promise<Role> {
    const role = { name, password: crypto.randomUUID() };
    this.#roles.push(name);
    await admin().query(`alter role ${name} password '${role.password}'`);
    return { ...role, url: urlTo(this.name, role) };
  }

  /** Throws when a client was not returned, a transaction is open or an advisory lock is held; then ends those. */
  async checkLeaks(): Promise<void> {
    report(await this.#reclaim());
  }

  async drop(): Promise<void> {
    if (this.#dropped) return;
    this.#dropped = true;
    const leaks = await this.#reclaim();
    await Promise.all(this.#pools.map((watch) => watch.end()));
    const left = leaks.length > 0 ? [] : await settled(() => sessions(admin(), this.name), this.#settleMs);
    await admin().query(`drop database if exists ${this.name} with (force)`);
    for (const role of this.#roles) await admin().query(`drop role ${role}`);
    report([...leaks, ...left.map((session) => session.description)]);
  }

  async #reclaim(): Promise<string[]> {
    const clients = this.#pools.reduce((sum, watch) => sum + watch.checkedOut, 0);
    const look = () => busySessions(admin(), this.name);
    const busy = clients > 0 ? await look() : await settled(look, this.#settleMs);
    for (const watch of this.#pools) watch.reclaim();
    for (const { pid } of busy) await admin().query('select pg_terminate_backend($1)', [pid]);
    const leaks = busy.map((session) => session.description);
    return clients === 0 ? leaks : [`${clients} client(s) checked out and not released`, ...leaks];
  }
}

function report(leaks: string[]): void {
  if (leaks.length > 0) throw new Error(`The test leaves something behind:\n${leaks.join('\n')}`);
}

function uniqueName(): string {
  return `${inject('runName')}_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`;
}

function urlTo(database: string, role?: { name: string; password: string }): string {
  const url = new URL(inject('adminUrl'));
  url.pathname = `/${database}`;
  if (role) Object.assign(url, { username: role.name, password: role.password });
  return url.href;
}

function admin(): pg.Pool {
  sharedAdmin ??= new pg.Pool({ connectionString: inject('adminUrl'), max: 2, allowExitOnIdle: true });
  return sharedAdmin;
}
