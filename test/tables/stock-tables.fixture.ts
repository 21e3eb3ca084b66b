import type pg from 'pg';

const NAMES = ['ptype', 'v0', 'v1', 'v2', 'v3', 'v4', 'v5'];

/** The columns with the same type, and an index on each of them. */
const declareAll = (type: string) => NAMES.map((name) => `${name} ${type}`).join(', ');
const indexEach = NAMES.map((name) => `create index on %s (${name})`).join('; ');

/** The rule tables of adapters, as each makes it in PostgreSQL; `%s` stands for the name. */
export const STOCK_TABLES = {
  'casbin-pg-adapter':
    'create table %s (id serial not null, ptype text not null, rule jsonb not null, primary key (id), unique (rule))',
  'typeorm-adapter':
    'create table %s (id serial not null, ptype varchar, v0 varchar, v1 varchar, v2 varchar, v3 varchar, v4 varchar, v5 varchar, v6 varchar, constraint "PK_e147354d31e2748a3a5da5e3060" primary key (id))',
  'casbin-prisma-adapter':
    'create table %s (id serial not null, ptype text not null, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text, primary key (id))',
  'casbin-sequelize-adapter':
    'create table %s (id serial, ptype varchar(255), v0 varchar(255), v1 varchar(255), v2 varchar(255), v3 varchar(255), v4 varchar(255), v5 varchar(255), primary key (id))',
  'casbin-basic-adapter':
    'create table %s (id serial primary key, ptype varchar(255) not null, v0 varchar(255), v1 varchar(255), v2 varchar(255), v3 varchar(255), v4 varchar(255), v5 varchar(255))',
  'casbin-drizzle-adapter':
    'create table %s (id serial primary key not null, ptype varchar(255), v0 varchar(255), v1 varchar(255), v2 varchar(255), v3 varchar(255), v4 varchar(255), v5 varchar(255))',
  'gorm-adapter of Go':
    'create table %s (id bigserial, ptype varchar(100), v0 varchar(100), v1 varchar(100), v2 varchar(100), v3 varchar(100), v4 varchar(100), v5 varchar(100), primary key (id)); create unique index idx_gorm on %s (ptype, v0, v1, v2, v3, v4, v5)',
  'xorm-adapter of Go': `create table %s (${declareAll("varchar(100) not null default ''")}); ${indexEach}`,
  'pgx-adapter of Go':
    'create table %s (id text primary key, p_type text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text)',
  'sqlalchemy-adapter of Python':
    'create table %s (id serial not null, ptype varchar(255), v0 varchar(255), v1 varchar(255), v2 varchar(255), v3 varchar(255), v4 varchar(255), v5 varchar(255), primary key (id))',
  'casbin-objection-adapter': `create table %s (id serial primary key, ${declareAll("text not null default ''")}); ${indexEach}`,
  'diesel-adapter of Rust': `create table %s (id serial primary key, ${declareAll('varchar not null')}, constraint unique_key_diesel_adapter unique (${NAMES.join(', ')}))`,
  'jdbc-adapter of Java':
    "create sequence if not exists casbin_sequence start 1; create table %s (id int not null primary key default nextval('casbin_sequence'), ptype varchar(100) not null, v0 varchar(100), v1 varchar(100), v2 varchar(100), v3 varchar(100), v4 varchar(100), v5 varchar(100))",
} as const;

export type StockAdapter = keyof typeof STOCK_TABLES;

/** The adapters with tables of columns that take what others write: of pgx's, only it can make the ids. */
export const COLUMNS_ADAPTERS = (Object.keys(STOCK_TABLES) as StockAdapter[]).filter(
  (adapter) => adapter !== 'casbin-pg-adapter' && adapter !== 'pgx-adapter of Go',
);

/** Whether the columns of an adapter's table take no null, so that it writes an empty text for a missing value. */
export function takesNoNull(adapter: StockAdapter): boolean {
  return /\bv0 \S+ not null/.test(STOCK_TABLES[adapter]);
}

/** Makes the table of an adapter; `name` as SQL. */
export async function createStockTable(
  pool: pg.Pool | pg.ClientBase,
  adapter: StockAdapter,
  name = 'casbin_rule',
): Promise<void> {
  await pool.query(STOCK_TABLES[adapter].replaceAll('%s', name));
}
