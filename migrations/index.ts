import type { Migrations } from '../src/migrator/migration.ts';
import { providers } from './0002_providers.ts';

/** What the provider seeder needs; a database without that seeder does not get the table. */
export const providerMigrations: Migrations = { '0002_providers': providers };
