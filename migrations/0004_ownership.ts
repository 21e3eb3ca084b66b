import { type Kysely, sql } from 'kysely';
import { engineBehind } from '../src/database/dialect.ts';
import type { Migration } from '../src/migrator/migration.ts';

/** The versions of definitions that a rule table was bootstrapped with. */
export const VERSIONS = 'casbin_bootstrap_version';

/** The defined rules that bootstraps have inserted or found. */
export const RECORDED_RULES = 'casbin_bootstrap_rule';

/** The record of what bootstraps have inserted into the rule tables of a schema; `source` is the name of one. */
export const ownership: Migration = {
  async up(db: Kysely<unknown>) {
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
    await indexRules(db);
  },
};

/** Only bootstraps insert, one after the other, so it need not be unique. */
async function indexRules(db: Kysely<unknown>): Promise<void> {
  const { commitsDdl, makesIndexesLater } = engineBehind(db);
  // Aurora DSQL takes no key of more than 1 KiB, and the record of a policy that fits it is small.
  if (makesIndexesLater) return;
  const index = db.schema
    .createIndex(`${RECORDED_RULES}_rule`)
    .ifNotExists()
    .on(RECORDED_RULES)
    .column('rule');
  // By hash, as a rule may be longer than what any other index of PostgreSQL takes.
  await (commitsDdl ? index : index.using('hash')).execute();
}
