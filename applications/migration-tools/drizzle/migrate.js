import { bootstrapDatabase } from 'casbin-bootstrap';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { options } from '../options.js';

const db = drizzle(process.env.DATABASE_URL);
try {
  await migrate(db, { migrationsFolder: `${import.meta.dirname}/migrations` });
  await bootstrapDatabase(db.$client, options);
} finally {
  await db.$client.end();
}
