// What seeders are for: rows without which an application can't start. One of each kind.
import { bootstrapDatabase, providerSeeder, rowSeeder } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

/** The application's own tables. They run in the same transaction, recorded in Kysely's `kysely_migration`. */
const migrations = {
  '2026_01_tables': {
    async up(db) {
      const table = (name, key, type) =>
        db.schema.createTable(name).addColumn(key, type, (column) => column.primaryKey());
      await table('app_role', 'name', 'text').addColumn('title', 'text').execute();
      await table('setting', 'key', 'text').addColumn('value', 'jsonb').execute();
      await table('currency', 'code', 'varchar(3)').addColumn('decimals', 'integer').execute();
      await table('installation', 'id', 'integer').addColumn('name', 'text').execute();
      await table('checklist', 'step', 'integer').addColumn('done', 'boolean').execute();
    },
  },
};

const seeders = [
  providerSeeder(),
  // System roles, as the application shows them. Who may do what is the policy's business.
  rowSeeder({
    name: 'roles',
    table: 'app_role',
    key: 'name',
    rows: [
      { name: 'readonly', title: 'May look' },
      { name: 'user', title: 'May look and change' },
      { name: 'admin', title: 'May manage users' },
    ],
  }),
  // Default configuration. An administrator's value stays.
  rowSeeder({
    name: 'settings',
    table: 'setting',
    key: 'key',
    rows: [
      { key: 'session', value: { minutes: 30, renew: true } },
      { key: 'languages', value: ['en', 'de'] },
    ],
  }),
  // Lookup data.
  rowSeeder({
    name: 'currencies',
    table: 'currency',
    key: 'code',
    rows: [
      { code: 'EUR', decimals: 2 },
      { code: 'JPY', decimals: 0 },
    ],
  }),
  // A table that must have its one row.
  rowSeeder({ name: 'installation', table: 'installation', key: 'id', rows: [{ id: 1, name: 'New' }] }),
  // One of your own: anything that is idempotent, in the transaction that it is given.
  {
    name: 'checklist',
    total: 3,
    async isSeeded({ db }) {
      return (await db.selectFrom('checklist').select('step').execute()).length >= 3;
    },
    async seed({ db }) {
      const steps = [1, 2, 3].map((step) => ({ step, done: false }));
      const inserted = await db
        .insertInto('checklist')
        .values(steps)
        .onConflict((conflict) => conflict.column('step').doNothing())
        .returning('step')
        .execute();
      return { inserted: inserted.length, existing: steps.length - inserted.length };
    },
  },
];

const pool = createEmbeddedPool();
for (const start of ['first start', 'second start']) {
  const report = await bootstrapDatabase(pool, { migrations, seeders });
  console.log(start, report.changed ? 'wrote' : 'found nothing to do');
  for (const { name, inserted, existing } of report.seeders) {
    console.log(`  ${name}: ${inserted} inserted, ${existing} existing`);
  }
}
await pool.end();
