import { type Kysely, sql } from 'kysely';
import { refuseAnotherShape } from '../src/database/catalog.ts';
import { engineBehind, runTogether } from '../src/database/dialect.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** A version 7 UUID (RFC 9562): milliseconds since 1970, then random bits. PostgreSQL has its own from 18 on. */
const UUID_V7 = sql`
  encode(
    set_bit(
      set_bit(
        overlay(
          uuid_send(gen_random_uuid())
          placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
          from 1 for 6
        ),
        52, 1
      ),
      53, 1
    ),
    'hex'
  )::uuid
`;

/** By PostgreSQL's names. A wider text type does no harm. */
const PROVIDER_COLUMNS = {
  id: ['uuid'],
  slug: ['character varying(50)', 'character varying', 'text'],
  name: ['character varying(100)', 'character varying', 'text'],
  category: ['character varying(20)', 'character varying', 'text'],
  credential_type: ['character varying(20)', 'character varying', 'text'],
  description: ['text', 'character varying'],
  logo_url: ['character varying(500)', 'character varying', 'text'],
  website_url: ['character varying(500)', 'character varying', 'text'],
  is_active: ['boolean'],
  created_at: ['timestamp with time zone'],
  updated_at: ['timestamp with time zone'],
};

/** An application may well have a table of that name, and need none of ours. */
const WITHOUT_PROVIDERS =
  " If it is the application's own, leave out the provider seeder, which is there by default: seeders: [].";

const COMMENTS = Object.entries({
  id: 'Version 7 UUID: sorts by the time of its making',
  slug: 'Stable name that the application refers to the provider by',
  name: 'Name that people see',
  category: 'Kind of institution: brokerage, bank, other',
  credential_type: 'How the provider is connected to: oauth2, api_key, file_import',
  description: 'What the provider offers, in a sentence',
  logo_url: 'Address of a logo',
  website_url: 'Address of the website',
  is_active: 'Whether users may connect to it',
  created_at: 'When the row was inserted',
  updated_at: 'When the row was last changed',
}).map(([column, comment]) => sql`comment on column providers.${sql.ref(column)} is ${sql.lit(comment)}`);

/** The table of financial data providers. An existing one of this shape is completed. */
export const providers: Migration = {
  async up(db: Kysely<unknown>) {
    await refuseAnotherShape(db, 'providers', PROVIDER_COLUMNS, WITHOUT_PROVIDERS);
    const { commitsDdl, makesIndexesLater } = engineBehind(db);
    const activeSlug = db.schema
      .createIndex('idx_providers_active_slug')
      .ifNotExists()
      .on('providers')
      .columns(['is_active', 'slug']);
    await runTogether(db, [
      db.schema
        .createTable('providers')
        .ifNotExists()
        .addColumn('id', 'uuid', (column) =>
          column.primaryKey().defaultTo(commitsDdl ? sql`gen_random_uuid()` : UUID_V7),
        )
        .addColumn('slug', 'varchar(50)', (column) => column.notNull().unique())
        .addColumn('name', 'varchar(100)', (column) => column.notNull())
        .addColumn('category', 'varchar(20)', (column) => column.notNull().defaultTo('other'))
        .addColumn('credential_type', 'varchar(20)', (column) => column.notNull())
        .addColumn('description', 'text')
        .addColumn('logo_url', 'varchar(500)')
        .addColumn('website_url', 'varchar(500)')
        .addColumn('is_active', 'boolean', (column) => column.notNull().defaultTo(true))
        .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`now()`))
        .addColumn('updated_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`now()`)),
      db.schema.createIndex('idx_providers_is_active').ifNotExists().on('providers').column('is_active'),
      db.schema.createIndex('idx_providers_category').ifNotExists().on('providers').column('category'),
      makesIndexesLater ? activeSlug : activeSlug.where(sql<boolean>`is_active`),
      // Nothing reads them but people, and each would be a step of its own.
      ...(commitsDdl ? [] : COMMENTS),
    ]);
  },
};
