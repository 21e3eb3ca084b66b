import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  defaultPolicy,
  loadPolicyFile,
  type Migration,
  type Seeder,
} from '../../src/index.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { createDatabase } from '../support/database.ts';

/** Names that every object has in JavaScript. */
const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

describe.each(NAMES)('the name %s', (name) => {
  test('may be that of a migration, of the application and of a seeder', async () => {
    const pool = (await createDatabase()).pool();
    const makes = (table: string): Record<string, Migration> => ({
      [name]: {
        async up(db) {
          await sql`create table ${sql.id(table)} ()`.execute(db);
        },
      },
    });
    const seeder: Seeder = {
      name,
      migrations: makes('of_seeder'),
      isSeeded: async () => true,
      seed: async () => ({ inserted: 0, existing: 0 }),
    };
    const options = { seeders: [seeder], migrations: makes('of_application') };

    const report = await bootstrapDatabase(pool, options);

    expect(report.migrations.map((migration) => migration.name)).toEqual(['0001_casbin', name, name]);
    expect(report.seeders.at(-1)).toMatchObject({ name });
    const { rows } = await pool.query(
      `select to_regclass('of_seeder') is not null and to_regclass('of_application') is not null as made`,
    );
    expect(rows).toEqual([{ made: true }]);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
  });

  test.each(['yaml', 'json'])('may be that of a role, a resource and an action in %s', async (ending) => {
    const key = JSON.stringify(name);
    const text = `{ "roles": {
      ${key}: { "permissions": { ${key}: [${key}] } },
      "user": { "inherits": [${key}] } },
      "never": [[${key}, ${key}, "other"], ["user", ${key}, "other"]], "rules": [] }`;
    const policy = await loadPolicyFile(await writeTemporary(`policy.${ending}`, text));
    const pool = (await createDatabase()).pool();

    const { verification } = await bootstrapDatabase(pool, { policy, seeders: [] });

    expect(verification).toMatchObject({ ok: true, coverage: { covered: 2, total: 2 } });
    const { rows } = await pool.query('select ptype, rule from casbin order by id');
    expect(rows).toEqual([
      { ptype: 'p', rule: [name, name, name] },
      { ptype: 'g', rule: ['user', name] },
    ]);
  });
});

test.each([52, 59, 62, 63])('a table of documents may have a name of %i bytes', async (length) => {
  const pool = (await createDatabase()).pool();
  const name = 'n'.repeat(length);
  const options = { table: { name, layout: 'document' }, seeders: [], policy: defaultPolicy } as const;

  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });
  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });

  const { rows } = await pool.query('select indexdef from pg_indexes where tablename = $1', [name]);
  const indexed = rows.map(({ indexdef }) => indexdef.replace(/^CREATE (UNIQUE )?INDEX .* btree /, '$1'));
  expect(indexed.toSorted()).toEqual([
    ...[0, 1, 2, 3, 4, 5].map((position) => `(((rule ->> ${position})))`),
    '(ptype)',
    'UNIQUE (id)',
    'UNIQUE (ptype, rule)',
  ]);
  const { rows: recorded } = await pool.query(`select to_regclass('casbin_migrations') as name`);
  expect(recorded, 'the stock adapter knows no table of another name').toEqual([{ name: null }]);
});
