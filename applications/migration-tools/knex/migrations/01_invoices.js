export const up = (knex) => knex.schema.createTable('invoices', (table) => table.increments());

export const down = (knex) => knex.schema.dropTable('invoices');
