import { type Kysely, type RawBuilder, sql } from 'kysely';
import { nameAround, quoteIdentifier, quoteText, sequenceExpression } from '../src/database/catalog.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** What casbin-pg-adapter 1.4.0 would run, so that it finds nothing left to do. */
const STOCK_MIGRATIONS = ['1587132340023_initial', '1591572942519_pkey-and-uniq'];

/**
 * The table of casbin-pg-adapter, as it makes it, but unique on (ptype, rule): its own constraint is on `rule`
 * alone, so that `g, a, b` and `g2, a, b` exclude each other. A table that is there already is completed.
 */
export function casbin(name: string): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable(name)
        .ifNotExists()
        .addColumn('id', 'serial', (column) => column.notNull())
        .addColumn('ptype', 'text', (column) => column.notNull())
        .addColumn('rule', 'jsonb', (column) => column.notNull())
        .execute();
      const named = (suffix: string) => nameAround('', name, suffix);
      const { rows } = await sql<{ name: string }>`select name from ${sql.raw(takenNames(name))}`.execute(db);
      const taken = new Set(rows.map((row) => row.name));
      const table = sql.id(name);
      const index = async (own: string, expression: RawBuilder<unknown>) => {
        if (taken.has(own)) await sql`create index on ${table} (${expression})`.execute(db);
        else await db.schema.createIndex(own).ifNotExists().on(name).expression(expression).execute();
      };
      await index(nameAround('idx_', name, '_ptype'), sql.ref('ptype'));
      for (const position of [0, 1, 2, 3, 4, 5]) {
        await index(nameAround('idx_', name, `_rule_v${position}`), sql`(rule ->> ${sql.lit(position)})`);
      }
      if (!(await hasConstraint(db, name, 'p', ['id']))) {
        const pkey = named('_pkey');
        if (taken.has(pkey)) await sql`alter table ${table} add primary key (id)`.execute(db);
        else await db.schema.alterTable(name).addPrimaryKeyConstraint(pkey, ['id']).execute();
      }
      await skipStoredIds(db, name);
      await db.schema.alterTable(name).dropConstraint(named('_uniq_rule')).ifExists().execute();
      if (!(await hasConstraint(db, name, 'u', ['ptype', 'rule']))) {
        const unique = named('_uniq_ptype_rule');
        if (taken.has(unique)) await sql`alter table ${table} add unique (ptype, rule)`.execute(db);
        else await db.schema.alterTable(name).addUniqueConstraint(unique, ['ptype', 'rule']).execute();
      }
      // The stock adapter knows no table of another name.
      if (name === 'casbin') await recordStockMigrations(db);
    },
  };
}

/**
 * A FROM item: the names of the schema that indexes of this table can't have, as of an earlier table that was renamed:
 * its indexes keep their names. PostgreSQL then chooses names.
 */
export function takenNames(table: string): string {
  return `(
    select other.relname::text as name
    from pg_catalog.pg_class own
    join pg_catalog.pg_class other on other.relnamespace = own.relnamespace
    left join pg_catalog.pg_index i on i.indexrelid = other.oid
    where own.oid = ${oidOf(table)} and i.indrelid is distinct from own.oid
  ) taken`;
}

async function hasConstraint(
  db: Kysely<unknown>,
  table: string,
  type: ConstraintType,
  columns: readonly string[],
): Promise<boolean> {
  const { rows } = await sql`select where ${sql.raw(constraintCondition(table, type, columns))}`.execute(db);
  return rows.length > 0;
}

/** Primary key, or unique. */
type ConstraintType = 'p' | 'u';

/** Whether the table has a constraint on these columns, by any name. They are given in the order of their names. */
export function constraintCondition(table: string, type: ConstraintType, columns: readonly string[]): string {
  const names = columns.map(quoteText).join(', ');
  const ofConstraint =
    'select array_agg(a.attname::text order by a.attname) from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any(c.conkey)';
  return `exists (select from pg_catalog.pg_constraint c where c.conrelid = ${oidOf(table)} and c.contype = '${type}' and (${ofConstraint}) = array[${names}])`;
}

function oidOf(table: string): string {
  return `${quoteText(quoteIdentifier(table))}::regclass`;
}

/**
 * Has new rules get ids above those that are there: rows that came with their ids, as from a restore, leave the
 * sequence behind. Unlike setval, this is undone by a rollback.
 */
async function skipStoredIds(db: Kysely<unknown>, table: string): Promise<void> {
  const { rows } = await sql<{ sequence: string; next: string }>`
    select format('%I.%I', n.nspname, c.relname) as sequence, (highest + 1)::text as next
    from (
      select ${sql.raw(sequenceExpression('a'))} as oid
      from pg_catalog.pg_attribute a
      where a.attrelid = ${sql.raw(oidOf(table))} and a.attname = 'id'
    ) drawn
    join pg_catalog.pg_class c on c.oid = drawn.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join (select max(id)::bigint as highest from ${sql.id(table)}) as ids
    where highest > coalesce(pg_sequence_last_value(drawn.oid), 0)
  `.execute(db);
  for (const { sequence, next } of rows) {
    // The name comes quoted and qualified.
    await sql`alter sequence ${sql.raw(sequence)} restart with ${sql.lit(BigInt(next))}`.execute(db);
  }
}

/** The stock adapter looks in `public`, and nowhere else; a casbin table of another schema is not its own. */
async function recordStockMigrations(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`
    select n.nspname as schema
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = 'casbin'::regclass
  `.execute(db);
  if (rows[0]?.schema !== 'public') return;
  // As node-pg-migrate 5.10 makes it.
  await db.schema
    .createTable('casbin_migrations')
    .ifNotExists()
    .addColumn('id', 'serial', (column) => column.primaryKey())
    .addColumn('name', 'varchar(255)', (column) => column.notNull())
    .addColumn('run_on', 'timestamp', (column) => column.notNull())
    .execute();
  await sql`
    insert into casbin_migrations (name, run_on)
    select stock.name, now()
    from unnest(${STOCK_MIGRATIONS}::text[]) with ordinality as stock (name, position)
    where not exists (select from casbin_migrations m where m.name = stock.name)
    order by stock.position
  `.execute(db);
}
