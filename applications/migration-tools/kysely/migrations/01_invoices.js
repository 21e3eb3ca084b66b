export async function up(db) {
  await db.schema
    .createTable('invoices')
    .addColumn('id', 'serial', (column) => column.primaryKey())
    .execute();
}

export async function down(db) {
  await db.schema.dropTable('invoices').execute();
}
