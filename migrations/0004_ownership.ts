import { type Kysely, sql } from 'kysely';
import { engineBehind } from '../src/database/dialect.ts';
import { DatabaseError } from '../src/errors.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** The versions of definitions that a rule table was bootstrapped with. */
export const VERSIONS = 'casbin_bootstrap_version';

/** The defined rules that bootstraps have inserted or found. */
export const RECORDED_RULES = 'casbin_bootstrap_rule';

/** The record of what bootstraps have inserted into the rule tables of a schema; `source` is the name of one. */
export const ownership: Migration = {
  async up(db: Kysely<unknown>) {
    refuseEngine(db);
    await sql`
      create table if not exists ${sql.id(VERSIONS)} (
        source text not null,
        version integer not null,
        changes text not null,
        at timestamptz not null default now(),
        primary key (source, version)
      )
    `.execute(db);
    await sql`
      create table if not exists ${sql.id(RECORDED_RULES)} (
        source text not null,
        ptype text not null,
        rule text not null,
        inserted boolean not null,
        first_version integer not null,
        last_version integer not null,
        revoked_at timestamptz,
        revoked_by text,
        revoked_reason text
      )
    `.execute(db);
    // By hash, as a rule may be longer than what any other index takes. Only bootstraps insert, one after the other.
    await sql`
      create index if not exists ${sql.id(`${RECORDED_RULES}_rule`)} on ${sql.id(RECORDED_RULES)} using hash (rule)
    `.execute(db);
  },
};

function refuseEngine(db: Kysely<unknown>): void {
  const { commitsDdl, title } = engineBehind(db);
  if (!commitsDdl) return;
  throw new DatabaseError(
    'RECORD_IMPOSSIBLE',
    `A definition with a version is not supported on ${title}: what it retires would be committed bit by bit. Nothing was changed. Remove version, retired, renamed and onRevoked from the definition.`,
  );
}
