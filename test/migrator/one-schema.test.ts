import type pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapDatabase, type Migrations, type PoolLike } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

/** How many rows a first bootstrap of a schema is sent. */
async function countRows(pool: pg.Pool, schema: string): Promise<number> {
  let count = 0;
  const counting: PoolLike = {
    async connect() {
      const client = await pool.connect();
      return {
        async query(text, values) {
          const result = await client.query(text, values);
          count += result.rows?.length ?? 0;
          return result;
        },
        release: (error) => client.release(error),
      };
    },
  };
  await expect(bootstrapDatabase(counting, { schema })).resolves.toMatchObject({ changed: true });
  return count;
}

test('a bootstrap does not read more when there are other schemas', async () => {
  const pool = (await createDatabase()).pool();
  const alone = await countRows(pool, 'first');
  for (let index = 0; index < 10; index++) {
    await pool.query(`create schema other_${index} create table a (b text) create table c (d text, e text)`);
  }

  expect(await countRows(pool, 'second')).toBe(alone);
});

test('a migration that looks for tables sees those of all schemas', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query('create schema other create table there (id integer)');
  let seen: string[] = [];
  const migrations: Migrations = {
    '0001_look': {
      async up(db) {
        const tables = await db.introspection.getTables();
        seen = tables.flatMap(({ schema, name, columns }) =>
          columns.map((column) => `${schema}.${name}.${column.name}`),
        );
      },
    },
  };

  await bootstrapDatabase(pool, { migrations, schema: 'app' });

  expect(seen).toContain('other.there.id');
  expect(seen).toContain('app.casbin.ptype');
});
