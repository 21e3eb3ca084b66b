import { inspect } from 'node:util';
import type pg from 'pg';
import { expect } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { BootstrapError, InvalidOptionsError, type Problem } from '../../src/errors.ts';
import { snapshot } from '../bootstrap/database-state.fixture.ts';
import type { TestDatabase } from '../support/database.ts';

/** Options of any shape, as a caller in JavaScript would give them. */
export type AnyOptions = object | null | undefined;

/** What a bootstrap was refused with, checked to read well, to leave no trace, and to leave the pool usable. */
export async function refusalOf(
  database: TestDatabase,
  options: AnyOptions = {},
  pool: pg.Pool = database.pool(),
): Promise<BootstrapError> {
  const observer = database.pool({ max: 1 });
  const before = await dump(observer);
  const error = await failureOf(() => bootstrapDatabase(pool, Object(options)));
  expect(await dump(observer), 'nothing was changed').toEqual(before);
  await expect(pool.query('select 1'), 'the pool can be used').resolves.toBeDefined();
  return error;
}

/** The problems of options that are refused without touching any database, as `at: message` by their codes. */
export async function problemsOf(options: AnyOptions, pool: object = UNTOUCHED): Promise<readonly Problem[]> {
  const error = await failureOf(() => Reflect.apply(bootstrapDatabase, undefined, [pool, options]));
  expect(error).toBeInstanceOf(InvalidOptionsError);
  expect(error.code).toBe('INVALID_OPTIONS');
  return error instanceof InvalidOptionsError ? error.problems : [];
}

/** What work failed with, checked to be a typed error that reads well. */
export async function failureOf(work: () => Promise<unknown>): Promise<BootstrapError> {
  const error: unknown = await work().then(
    () => expect.fail('nothing was refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof BootstrapError)) throw error;
  expectReadable(error);
  return error;
}

/** Whether a text stands anywhere that a log of the error would show. */
export function showsAnywhere(error: Error, secret: string): boolean {
  const shown = [error.message, error.stack, JSON.stringify(error), inspect(error, { depth: 20 })];
  return shown.some((text) => text?.includes(secret));
}

const UNTOUCHED = {
  connect: () => Promise.reject(new Error('the database was touched')),
};

function expectReadable({ message }: BootstrapError): void {
  expect(message).not.toMatch(/undefined|\[object|\bNaN\b|\bat .+:\d+:\d+|\.\.(\s|$)| {3}/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a log line must not be broken by them
  expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(message.isWellFormed()).toBe(true);
  expect(message.trim()).toBe(message);
}

/**
 * Without what PostgreSQL itself leaves behind a rollback: where sequences stand, and the flag of once having an index.
 */
async function dump(pool: pg.Pool) {
  const { contents, relations: flagged, ...rest } = await snapshot(pool);
  const relations = Object.values(Object(flagged)).map((relation) => ({
    ...Object(relation),
    indexed: null,
  }));
  const { rows: privileges } = await pool.query(
    'select oid::regclass::text as name, relowner, relacl::text from pg_class where relacl is not null or oid >= 16384 order by 1',
  );
  const { rows: types } = await pool.query(
    'select oid::regtype::text as type from pg_type where oid >= 16384 order by 1',
  );
  const tables = Object.entries(Object(contents)).filter(([, rows]) => !isSequence(rows));
  return { ...rest, relations, privileges, types, tables: Object.fromEntries(tables) };
}

function isSequence(rows: unknown): boolean {
  return Array.isArray(rows) && rows.length === 1 && 'last_value' in Object(rows[0]);
}
