import { type Kysely, sql } from 'kysely';
import { quoteTable } from '../src/database/catalog.ts';
import type { Migration } from '../src/migrator/migration.ts';
import { createColumnsTable } from '../src/tables/columns-table.ts';

/**
 * A rule table of columns, in the first schema of the search_path. One that is there stays as it is: no index is
 * added, as typeorm-adapter would drop it, and no uniqueness, as the writers of others would fail on it.
 */
export function casbinRule(name: string): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await sql.raw(createColumnsTable(quoteTable(name))).execute(db);
    },
  };
}
