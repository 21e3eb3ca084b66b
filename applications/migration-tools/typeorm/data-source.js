import { DataSource, EntitySchema } from 'typeorm';

export const invoices = new EntitySchema({
  name: 'Invoice',
  tableName: 'invoices',
  columns: { id: { type: 'integer', primary: true, generated: true } },
});

export default new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  entities: [invoices],
  migrations: [`${import.meta.dirname}/migrations/*.js`],
});
