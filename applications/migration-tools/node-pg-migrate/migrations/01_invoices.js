export const up = (pgm) => pgm.createTable('invoices', { id: 'id' });

export const down = (pgm) => pgm.dropTable('invoices');
