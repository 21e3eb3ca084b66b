// A start of an application that has a policy, tables of its own and a seeder of each kind.
//
//   node examples/seeders/start.js                       embedded database, in memory
//   DATABASE_URL=postgres://… node examples/seeders/start.js
import { bootstrapDatabase, providerSeeder } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
import pg from 'pg';
import { categorySeeder } from './category-seeder.js';
import { currencies, installation, roles, settings } from './reference-data.js';
import { migrations } from './tables.js';

const { DATABASE_URL } = process.env;
const pool = DATABASE_URL ? new pg.Pool({ connectionString: DATABASE_URL }) : createEmbeddedPool();
const seeders = [providerSeeder(), roles, settings, currencies, installation, categorySeeder];

const report = await bootstrapDatabase(pool, { migrations, seeders });
console.log(report.changed ? 'wrote' : 'found nothing to do');
for (const { name, inserted, existing } of report.seeders) {
  console.log(`  ${name}: ${inserted} inserted, ${existing} existing`);
}
await pool.end();
