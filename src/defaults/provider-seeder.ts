import { providerMigrations } from '../../migrations/index.ts';
import { rowSeeder } from '../seeding/row-seeder.ts';
import type { Seeder } from '../seeding/seeder.ts';

/** A row of `providers`. What is left out gets the column's default. */
export type Provider = {
  /** What identifies it: unique in the table. */
  readonly slug: string;
  /** The name that people see. */
  readonly name: string;
  /** A group of providers, as `brokerage` or `bank`. Default: `other`. */
  readonly category?: string;
  /** How users connect to it, as `oauth2`, `api_key` or `file_import`. */
  readonly credential_type: string;
  /** What it offers, in a sentence. Default: null. */
  readonly description?: string;
  /** The address of a logo. Default: null. */
  readonly logo_url?: string | null;
  /** The address of its website. Default: null. */
  readonly website_url?: string | null;
  /** Whether users may connect to it. Default: true. */
  readonly is_active?: boolean;
};

/** The providers that are seeded when none are given. */
export const defaultProviders: readonly Provider[] = [
  {
    slug: 'schwab',
    name: 'Charles Schwab',
    category: 'brokerage',
    credential_type: 'oauth2',
    description: 'Brokerage and retirement accounts, positions and transactions through the Schwab API.',
    website_url: 'https://www.schwab.com',
    is_active: true,
  },
  {
    slug: 'alpaca',
    name: 'Alpaca',
    category: 'brokerage',
    credential_type: 'api_key',
    description: 'Commission-free trading accounts for stocks, options and crypto, made for programs.',
    website_url: 'https://alpaca.markets',
    is_active: true,
  },
  {
    slug: 'chase_file',
    name: 'Chase Bank (File Import)',
    category: 'bank',
    credential_type: 'file_import',
    description: 'Checking and savings transactions from files that Chase lets its customers download.',
    website_url: 'https://www.chase.com',
    is_active: true,
  },
];

/**
 * Seeds the table `providers`, and creates it. A provider whose slug is already stored stays exactly as it is, also
 * when an administrator has renamed or deactivated it.
 */
export function providerSeeder(rows: readonly Provider[] = defaultProviders): Seeder {
  const seeder = seederOf(rows);
  return {
    ...seeder,
    async seed(context) {
      // The id is made here, because in a table of another tool the column may have no default.
      const { v7: uuidv7 } = await import('uuid');
      return seederOf(rows.map((row) => ({ id: uuidv7(), ...row }))).seed(context);
    },
  };
}

function seederOf(rows: readonly Provider[]): Seeder {
  return rowSeeder({
    name: 'providers',
    logName: 'provider',
    table: 'providers',
    key: 'slug',
    rows,
    migrations: providerMigrations,
  });
}
