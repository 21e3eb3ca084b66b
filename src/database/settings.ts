import type { ClientLike } from './client.ts';

/**
 * A setting of this library that holds the settings of the session before the transaction. It ends with the
 * transaction.
 */
const REMEMBERED = 'casbin_bootstrap.settings';

/**
 * The settings that a statement can change, and whether this role may change them. PostgreSQL does not list the role
 * and the user of the session among its settings, nor those that an application has made up. If a setting that only
 * superusers may change does not come from the session, the server has read its configuration again. The size of the
 * buffers for temporary tables can't be changed once there is one.
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
 * Gives the session back the settings that it had before the transaction. Otherwise, what an application has set would
 * stay after the commit, for the next user of the connection. Call it last, because it also ends the settings of the
 * transaction.
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
