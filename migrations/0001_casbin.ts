import { type Kysely, type RawBuilder, sql } from 'kysely';
import { nameAround, quoteIdentifier, quoteText, sequenceExpression } from '../src/database/catalog.ts';
import { runTogether } from '../src/database/dialect.ts';
import { asClient } from '../src/database/own-queries.ts';
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
      const named = (suffix: string) => nameAround('', name, suffix);
      await db.schema
        .createTable(name)
        .ifNotExists()
        .addColumn('id', 'serial', (column) => column.notNull())
        .addColumn('ptype', 'text', (column) => column.notNull())
        .addColumn('rule', 'jsonb', (column) => column.notNull())
        .execute();
      const { taken, hasKey, isUnique, repairs, schema } = await findParts(db, name);
      const table = sql.id(name);
      const index = (own: string, expression: RawBuilder<unknown>) =>
        taken.includes(own)
          ? sql`create index on ${table} (${expression})`
          : db.schema.createIndex(own).ifNotExists().on(name).expression(expression);
      const key = () =>
        taken.includes(named('_pkey'))
          ? sql`alter table ${table} add primary key (id)`
          : db.schema.alterTable(name).addPrimaryKeyConstraint(named('_pkey'), ['id']);
      const unique = () =>
        taken.includes(named('_uniq_ptype_rule'))
          ? sql`alter table ${table} add unique (ptype, rule)`
          : db.schema.alterTable(name).addUniqueConstraint(named('_uniq_ptype_rule'), ['ptype', 'rule']);
      await runTogether(db, [
        index(nameAround('idx_', name, '_ptype'), sql.ref('ptype')),
        ...[0, 1, 2, 3, 4, 5].map((position) =>
          index(nameAround('idx_', name, `_rule_v${position}`), sql`(rule ->> ${sql.lit(position)})`),
        ),
        ...(hasKey ? [] : [key()]),
        ...repairs.map((repair) => sql.raw(repair)),
        ...(isUnique ? [] : [unique()]),
        // The stock adapter knows no table of another name, and looks in no other schema.
        ...(name === 'casbin' && schema === 'public' ? recordStockMigrations(db) : []),
      ]);
    },
  };
}

/** What an existing table has already. */
interface Parts {
  /** See {@link takenNames}. */
  readonly taken: readonly string[];
  readonly hasKey: boolean;
  readonly isUnique: boolean;
  /** See {@link repairsOf}. */
  readonly repairs: readonly string[];
  /** That of the table. */
  readonly schema: string;
}

const NO_PARTS = { taken: [], hasKey: false, isUnique: false, repairs: [] };

async function findParts(db: Kysely<unknown>, table: string): Promise<Parts> {
  const { rows } = await asClient(db).query(`
    select
      (select coalesce(json_agg(name), '[]') from ${takenNames(table)}) as taken,
      ${constraintCondition(table, 'p', ['id'])} as "hasKey",
      ${constraintCondition(table, 'u', ['ptype', 'rule'])} as "isUnique",
      (select coalesce(json_agg(repair), '[]') from ${repairsOf(table)}) as repairs,
      (
        select n.nspname
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = ${oidOf(table)}
      ) as schema`);
  return { ...NO_PARTS, ...rows[0] };
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

/** Primary key, or unique. */
type ConstraintType = 'p' | 'u';

/** Whether the table has a constraint on these columns, by any name. They are given in the order of their names. */
export function constraintCondition(table: string, type: ConstraintType, columns: readonly string[]): string {
  return `exists (select ${constraintsOn(table, type, columns)})`;
}

function constraintsOn(table: string, type: ConstraintType, columns: readonly string[]): string {
  const names = columns.map(quoteText).join(', ');
  const ofConstraint =
    'select array_agg(a.attname::text order by a.attname) from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any(c.conkey)';
  return `from pg_catalog.pg_constraint c where c.conrelid = ${oidOf(table)} and c.contype = '${type}' and (${ofConstraint}) = array[${names}]`;
}

function oidOf(table: string): string {
  return `${quoteText(quoteIdentifier(table))}::regclass`;
}

/**
 * A FROM item: the statements that an existing table needs. They drop the stock adapter's constraint, by which two
 * ptypes can't have the same values: a table that was renamed still has it by its former name. And they have new rules
 * get ids above those that are there: rows that came with their ids, as from a restore, leave the sequence behind.
 * Unlike setval, this is undone by a rollback.
 */
export function repairsOf(table: string): string {
  return `(
    select format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname) as repair
    ${constraintsOn(table, 'u', ['rule'])}
    union all
    ${restartSequence(table)}
  ) repairs`;
}

function restartSequence(table: string): string {
  return `
    select format('alter sequence %I.%I restart with %s', n.nspname, c.relname, highest + 1)
    from (
      select ${sequenceExpression('a')} as oid
      from pg_catalog.pg_attribute a
      where a.attrelid = ${oidOf(table)} and a.attname = 'id'
    ) drawn
    join pg_catalog.pg_class c on c.oid = drawn.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join (select max(id)::bigint as highest from ${quoteIdentifier(table)}) as ids
    where highest > coalesce(pg_sequence_last_value(drawn.oid), 0)`;
}

function recordStockMigrations(db: Kysely<unknown>) {
  const names = sql.join(STOCK_MIGRATIONS.map((name) => sql.lit(name)));
  return [
    // As node-pg-migrate 5.10 makes it.
    db.schema
      .createTable('casbin_migrations')
      .ifNotExists()
      .addColumn('id', 'serial', (column) => column.primaryKey())
      .addColumn('name', 'varchar(255)', (column) => column.notNull())
      .addColumn('run_on', 'timestamp', (column) => column.notNull()),
    sql`
      insert into casbin_migrations (name, run_on)
      select stock.name, now()
      from unnest(array[${names}]) as stock (name)
      where not exists (select from casbin_migrations m where m.name = stock.name)
    `,
  ];
}
