import { type Kysely, sql } from 'kysely';
import { engineBehind } from '../src/database/dialect.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** How many values a table has room for that is made here. */
export const MADE_VALUES = 7;

/**
 * A rule table of columns, in the first schema of the search_path, as typeorm-adapter 1.10 makes it, so that its
 * `synchronize` finds nothing to change. One that is there stays as it is: no index is added, as typeorm-adapter would
 * drop it, and no uniqueness, as the writers of others would fail on it.
 */
export function casbinRule(name: string): Migration {
  return {
    async up(db: Kysely<unknown>) {
      const values = Array.from(
        { length: MADE_VALUES },
        (_, position) => sql`${sql.id(`v${position}`)} varchar`,
      );
      await sql`
        create table if not exists ${sql.id(name)} (
          id ${sql.raw(engineBehind(db).idColumn)} primary key, ptype varchar, ${sql.join(values)}
        )
      `.execute(db);
    },
  };
}
