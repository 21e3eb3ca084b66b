// A seeder of your own: rows that refer to each other by ids that the database makes, which rowSeeder can't know.

/** Each category with the one above it, which comes before it. */
const CATEGORIES = [
  { name: 'Income', parent: null },
  { name: 'Salary', parent: 'Income' },
  { name: 'Expenses', parent: null },
  { name: 'Housing', parent: 'Expenses' },
  { name: 'Rent', parent: 'Housing' },
];

/** @type {import('casbin-bootstrap').Seeder} */
export const categorySeeder = {
  name: 'categories',
  total: CATEGORIES.length,

  /** The table that it needs. It comes with the seeder, so whoever uses this seeder has the table. */
  migrations: {
    categories_01: {
      async up(db) {
        await db.schema
          .createTable('category')
          .addColumn('id', 'integer', (column) => column.primaryKey().generatedAlwaysAsIdentity())
          .addColumn('name', 'text', (column) => column.notNull().unique())
          .addColumn('parent_id', 'integer', (column) => column.references('category.id'))
          .execute();
      },
    },
  },

  /** Only reads. While it answers true, a start takes no lock and writes nothing. */
  async isSeeded({ db }) {
    return (await findMissing(db)).length === 0;
  },

  /** In the one transaction of the bootstrap: what fails later takes these rows back too. */
  async seed({ db, logger }) {
    const missing = await findMissing(db);
    for (const { name, parent } of missing) {
      await db
        .insertInto('category')
        .values((values) => ({
          name,
          parent_id: values.selectFrom('category').select('id').where('name', '=', parent),
        }))
        .execute();
      logger.info({ event: 'category_seeded', name }, `category ${name} inserted`);
    }
    return { inserted: missing.length, existing: CATEGORIES.length - missing.length };
  },
};

async function findMissing(db) {
  const rows = await db.selectFrom('category').select('name').execute();
  const stored = new Set(rows.map(({ name }) => name));
  return CATEGORIES.filter(({ name }) => !stored.has(name));
}
