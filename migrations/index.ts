import type { Migrations } from '../src/migrator/migration.ts';
import { casbin } from './0001_casbin.ts';
import { providers } from './0002_providers.ts';

/** What every bootstrap needs. */
export const casbinMigrations: Migrations = { '0001_casbin': casbin };

/** What the provider seeder needs; a database without that seeder does not get the table. */
export const providerMigrations: Migrations = { '0002_providers': providers };
