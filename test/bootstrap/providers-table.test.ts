import { beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
let startedAt = 0;

beforeAll(async () => {
  startedAt = Date.now();
  await bootstrapDatabase(database.pool());
});

async function query(sql: string) {
  return (await database.pool().query(sql)).rows;
}

describe('the providers table', () => {
  test('has these columns, in this order', async () => {
    const columns = await query(`
      select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required
      from pg_attribute
      where attrelid = 'providers'::regclass and attnum > 0 and not attisdropped
      order by attnum
    `);
    expect(
      columns.map(({ name, type, required }) => `${name} ${type}${required ? ' not null' : ''}`),
    ).toEqual([
      'id uuid not null',
      'slug character varying(50) not null',
      'name character varying(100) not null',
      'category character varying(20) not null',
      'credential_type character varying(20) not null',
      'description text',
      'logo_url character varying(500)',
      'website_url character varying(500)',
      'is_active boolean not null',
      'created_at timestamp with time zone not null',
      'updated_at timestamp with time zone not null',
    ]);
  });

  test('has defaults for the id, the category, the state and the times', async () => {
    const defaults = await query(`
      select column_name as name, column_default as value
      from information_schema.columns
      where table_name = 'providers' and column_default is not null and column_name <> 'id'
      order by ordinal_position
    `);
    expect(defaults).toEqual([
      { name: 'category', value: "'other'::character varying" },
      { name: 'is_active', value: 'true' },
      { name: 'created_at', value: 'now()' },
      { name: 'updated_at', value: 'now()' },
    ]);
  });

  test('has a unique slug, and indexes on the state, the category and the active slugs', async () => {
    const indexes = await query(`
      select indexdef from pg_indexes where tablename = 'providers' order by indexname
    `);
    expect(
      indexes.map(({ indexdef }) => indexdef.replace(/^create (.*) on public\.providers using btree/i, '$1')),
    ).toEqual([
      'INDEX idx_providers_active_slug (is_active, slug) WHERE is_active',
      'INDEX idx_providers_category (category)',
      'INDEX idx_providers_is_active (is_active)',
      'UNIQUE INDEX providers_pkey (id)',
      'UNIQUE INDEX providers_slug_key (slug)',
    ]);
  });

  test('describes each column', async () => {
    const comments = await query(`
      select attname as name, col_description(attrelid, attnum) as comment
      from pg_attribute
      where attrelid = 'providers'::regclass and attnum > 0
    `);
    expect(comments).toHaveLength(11);
    for (const { name, comment } of comments) expect(comment, name).toMatch(/^[A-Z].{15}/);
  });

  test('gives rows that somebody else inserts version 7 UUIDs that sort by time', async () => {
    const inserted = await query(`
      insert into providers (slug, name, credential_type)
      select 'bank_' || n, 'Bank', 'oauth2' from generate_series(1, 50) n
      returning id, category, is_active, created_at = updated_at as untouched
    `);
    for (const { id, ...rest } of inserted) {
      expectRecentUuidV7(id);
      expect(rest).toEqual({ category: 'other', is_active: true, untouched: true });
    }
    expect(new Set(inserted.map(({ id }) => id)).size).toBe(50);
  });
});

describe('the provider seeder', () => {
  test('inserts these three, active, each with a description of its own', async () => {
    const rows = await query(`
      select slug, name, category, credential_type, logo_url, website_url, is_active
      from providers where slug not like 'bank%' order by created_at, id
    `);
    expect(rows.map((row) => Object.values(row))).toEqual([
      ['schwab', 'Charles Schwab', 'brokerage', 'oauth2', null, 'https://www.schwab.com', true],
      ['alpaca', 'Alpaca', 'brokerage', 'api_key', null, 'https://alpaca.markets', true],
      ['chase_file', 'Chase Bank (File Import)', 'bank', 'file_import', null, 'https://www.chase.com', true],
    ]);
    const described = await query(`
      select count(distinct description)::int as count, min(length(description)) > 20 as told
      from providers where slug not like 'bank%'
    `);
    expect(described).toEqual([{ count: 3, told: true }]);
  });

  test('gives them version 7 UUIDs', async () => {
    const rows = await query(`select id from providers where slug in ('schwab', 'alpaca', 'chase_file')`);
    expect(rows).toHaveLength(3);
    for (const { id } of rows) expectRecentUuidV7(id);
  });

  test('does not change a provider that was renamed or deactivated', async () => {
    await query(`update providers set name = 'Renamed', category = 'other' where slug = 'schwab'`);
    await query(`update providers set is_active = false, updated_at = '2020-01-01' where slug = 'alpaca'`);
    await query(`delete from providers where slug = 'chase_file'`);
    const before = await query(`select * from providers where slug in ('schwab', 'alpaca') order by slug`);

    const report = await bootstrapDatabase(database.pool());

    expect(report.seeders[1]).toMatchObject({ name: 'providers', inserted: 1, existing: 2, total: 3 });
    expect(await query(`select * from providers where slug in ('schwab', 'alpaca') order by slug`)).toEqual(
      before,
    );
  });
});

function expectRecentUuidV7(id: string): void {
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const time = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  expect(time).toBeGreaterThanOrEqual(startedAt - 1000);
  expect(time).toBeLessThanOrEqual(Date.now() + 1000);
}
