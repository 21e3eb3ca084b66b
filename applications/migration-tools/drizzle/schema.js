import { pgTable, serial } from 'drizzle-orm/pg-core';

export const invoices = pgTable('invoices', { id: serial('id').primaryKey() });
