import type { ClientLike } from './client.ts';

/** A setting of this library, with those that the session had before the transaction. It ends with the transaction. */
const REMEMBERED = 'casbin_bootstrap.settings';

/**
 * What a statement may set, and whether this role may; PostgreSQL does not list the role and the user of the session
 * among the settings, nor those whose names an application has made up. If a setting that only superusers may change
 * has not come from the session, the server has read its configuration again. The size of the buffers for temporary
 * tables can't be changed once there was one.
 */
const SETTABLE = `
  select
    name,
    setting,
    (context = 'user' or source = 'session') and (name <> 'temp_buffers' or pg_my_temp_schema() = 0) as settable
  from pg_catalog.pg_settings
  where context in ('user', 'superuser')
  and name not in ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
  union all
  select name, current_setting(name), true
  from (values ('session_authorization'), ('role')) unlisted (name)`;

/** A statement for the beginning of a transaction, before it sets anything. */
export const REMEMBER_SETTINGS = `select set_config('${REMEMBERED}', (select json_object_agg(name, setting) from (${SETTABLE}) given)::text, true)`;

/**
 * Gives the session the settings back that it had before the transaction. Call it last: those of the transaction end
 * too. Otherwise, what statements of an application set stays after the commit, for whoever gets the connection next.
 */
export async function restoreSettings(client: ClientLike): Promise<void> {
  await client.query(
    `select set_config(name, before.value, false)
    from json_each_text(current_setting('${REMEMBERED}')::json) as before (name, value)
    join (${SETTABLE}) given using (name)
    where given.settable and given.setting <> before.value
    order by name = 'session_authorization' desc, name = 'role' desc`,
  );
}
