import type { ClientLike } from './client.ts';

/** What the journal says of a change beside the change; empty for nothing. */
export interface ChangeContext {
  /** Who changes it, in the application's own words. */
  readonly actor: string;
  /** Why. */
  readonly reason?: string | undefined;
  /** The version of the definition that a bootstrap makes it by. */
  readonly release?: string | undefined;
}

/** Has the journal say so of what the transaction changes from now on. It ends with the transaction. */
export async function setChangeContext(
  client: ClientLike,
  { actor, reason, release }: ChangeContext,
): Promise<void> {
  await client.query(
    `select
      set_config('casbin_bootstrap.actor', $1, true),
      set_config('casbin_bootstrap.reason', $2, true),
      set_config('casbin_bootstrap.release', $3, true)`,
    [actor, reason ?? '', release ?? ''],
  );
}

/** What the journal would say by now. */
export async function readChangeContext(client: ClientLike): Promise<ChangeContext> {
  const { rows } = await client.query(
    `select
      coalesce(current_setting('casbin_bootstrap.actor', true), '') as actor,
      coalesce(current_setting('casbin_bootstrap.reason', true), '') as reason,
      coalesce(current_setting('casbin_bootstrap.release', true), '') as release`,
  );
  return rows[0];
}
