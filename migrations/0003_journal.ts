import { createHash } from 'node:crypto';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { nameAround, quoteTable, quoteText } from '../src/database/catalog.ts';
import { readPlacement } from '../src/database/citus.ts';
import { engineBehind } from '../src/database/dialect.ts';
import { asClient } from '../src/database/own-queries.ts';
import { DatabaseError } from '../src/errors.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** Where every change of a rule table is recorded, in the schema of that table. */
export const JOURNAL = 'casbin_bootstrap_journal';

/** What listeners of the journal listen to. */
const JOURNAL_CHANNEL = 'casbin_bootstrap_journal';

/** What of a rule table's row is recorded, as SQL for a row `changed`. */
export interface Recorded {
  readonly name: string;
  readonly ptype: string;
  /** An array of texts, as jsonb. */
  readonly values: string;
}

/**
 * The journal, and triggers on a rule table that write it: one call a statement, whoever runs it, with the rows that the
 * statement has changed. The function is the owner's, so a role that may write rules need not be allowed to write here.
 */
export function journal({ name, ptype, values }: Recorded): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await refuseEngine(db, name);
      await makeTable(db);
      const { rows } = await sql<{ schema: string }>`select current_schema()::text as schema`.execute(db);
      // Qualified, as the function is the owner's and may be called on any search_path.
      const into = sql.id(rows[0]?.schema ?? 'public', JOURNAL);
      const names = [name, nameAround(`${JOURNAL}_`, name), nameAround(`${JOURNAL}_truncate_`, name)];
      const [table, trigger, truncated] = names.map((one) => sql.id(one));
      const record = (operation: '+' | '-', changedRows: string) => sql`
        insert into ${into} (source, operation, ptype, rule, actor, reason, release, role, application)
        select ${sql.lit(name)}, ${sql.lit(operation)}, ${sql.raw(ptype)}, ${sql.raw(values)}, ${CONTEXT}
        from ${sql.raw(changedRows)} changed
      `;
      const notify = sql`perform pg_notify(${sql.lit(JOURNAL_CHANNEL)}, tg_table_schema || '.' || tg_table_name)`;
      await sql`
        create or replace function ${trigger}() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as ${quoted(
          db,
          sql`
          begin
            if tg_op <> 'INSERT' then ${record('-', 'old_rows')}; end if;
            if tg_op <> 'DELETE' then ${record('+', 'new_rows')}; end if;
            if found then ${notify}; end if;
            return null;
          end
        `,
        )}
      `.execute(db);
      await sql`
        create or replace function ${truncated}() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as ${quoted(
          db,
          sql`
          begin
            insert into ${into} (source, operation, actor, reason, release, role, application)
            values (${sql.lit(name)}, '0', ${CONTEXT});
            ${notify};
            return null;
          end
        `,
        )}
      `.execute(db);
      for (const [event, referencing] of EVENTS) {
        await sql`
          create or replace trigger ${sql.id(nameAround(`${JOURNAL}_${event}_`, name))}
          after ${sql.raw(event)} on ${table} ${sql.raw(referencing)}
          for each statement execute function ${event === 'truncate' ? truncated : trigger}()
        `.execute(db);
      }
    },
  };
}

/** By a tag that does not stand in it: it is made of all of it, and a table may have any name. */
function quoted(db: Kysely<unknown>, body: RawBuilder<unknown>): RawBuilder<unknown> {
  const text = body.compile(db).sql;
  const tag = `$casbin_bootstrap_${createHash('sha256').update(text).digest('hex').slice(0, 16)}$`;
  return sql.raw(`${tag}${text}${tag}`);
}

const EVENTS = [
  ['insert', 'referencing new table as new_rows'],
  ['update', 'referencing old table as old_rows new table as new_rows'],
  ['delete', 'referencing old table as old_rows'],
  ['truncate', ''],
] as const;

/** The triggers that record a table under its name. Without one of them, some of its changes are not recorded. */
export function triggersOf(table: string): string[] {
  return EVENTS.map(([event]) => nameAround(`${JOURNAL}_${event}_`, table));
}

/** Who, why and by which release: what a transaction of ours says; and what the server knows of any. */
const CONTEXT = sql`
  nullif(current_setting('casbin_bootstrap.actor', true), ''),
  nullif(current_setting('casbin_bootstrap.reason', true), ''),
  nullif(current_setting('casbin_bootstrap.release', true), ''),
  session_user,
  nullif(current_setting('application_name', true), '')
`;

async function makeTable(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table if not exists ${sql.id(JOURNAL)} (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      transaction xid8 not null default pg_current_xact_id(),
      source text not null,
      operation "char" not null,
      ptype text,
      rule jsonb,
      actor text,
      reason text,
      release text,
      role text not null,
      application text
    )
  `.execute(db);
  // A follower asks for what is not older than the oldest transaction that was open when it asked last.
  await sql`
    create index if not exists ${sql.id(`${JOURNAL}_transaction`)} on ${sql.id(JOURNAL)} (transaction)
  `.execute(db);
}

async function refuseEngine(db: Kysely<unknown>, name: string): Promise<void> {
  const engine = engineBehind(db);
  if (engine.commitsDdl) {
    throw impossible(`which ${engine.title} is not known to have`, 'Leave out the journal option.');
  }
  if (engine.name !== 'citus') return;
  const table = quoteTable(name, undefined);
  if ((await readPlacement(asClient(db), table)) === 'local') return;
  throw impossible(
    `which Citus has only on local tables, and ${table} is none`,
    `Leave out the journal option, or make it one: select undistribute_table(${quoteText(table)});`,
  );
}

function impossible(reason: string, remedy: string): DatabaseError {
  const message = `The journal needs triggers with transition tables, ${reason}. Nothing was changed. ${remedy}`;
  return new DatabaseError('JOURNAL_IMPOSSIBLE', message);
}
