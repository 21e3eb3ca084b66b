/** The application's own tables. They run in the transaction of the bootstrap, recorded in Kysely's `kysely_migration`. */
export const migrations = {
  '2026_01_tables': {
    async up(db) {
      const table = (name, key, type) =>
        db.schema.createTable(name).addColumn(key, type, (column) => column.primaryKey());
      await table('app_role', 'name', 'text').addColumn('title', 'text').execute();
      await table('setting', 'key', 'text').addColumn('value', 'jsonb').execute();
      await table('currency', 'code', 'varchar(3)').addColumn('decimals', 'integer').execute();
      await table('installation', 'id', 'integer').addColumn('name', 'text').execute();
    },
  },
};
