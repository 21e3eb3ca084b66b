import { sql } from 'kysely';
import type { AnyKysely } from '../database/transaction.ts';

interface Named {
  readonly name: string;
  readonly schema: string;
}

/**
 * The same Kysely for a Migrator, which looks by it for its own tables in one schema only. Kysely's introspection
 * reads each column of each schema, so with a schema for each of many tenants every one would take longer than
 * the one before. Migrations are given the real one.
 */
export function inOneSchema(db: AnyKysely, schema: string): AnyKysely {
  const introspection = {
    getSchemas: async () => {
      const { rows } = await sql<{ name: string }>`
        select nspname as name from pg_catalog.pg_namespace where nspname = ${schema}
      `.execute(db);
      return rows;
    },
    getTables: async () => {
      const { rows } = await sql<Named>`
        select tablename as name, schemaname as schema from pg_catalog.pg_tables where schemaname = ${schema}
      `.execute(db);
      return rows;
    },
  };
  return new Proxy(db, {
    get(target, key) {
      if (key === 'introspection') return introspection;
      const value: unknown = Reflect.get(target, key, target);
      // A Kysely keeps what it has in private fields, which the proxy has not.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
