import type { ClientLike } from './client.ts';

/** What the journal records in addition to a change; an empty text for none. */
export interface ChangeContext {
  /** Who changes it, in the application's own words. */
  readonly actor: string;
  /** Why. */
  readonly reason?: string | undefined;
  /** The version of the definition with which a bootstrap makes the change. */
  readonly release?: string | undefined;
}

/** Sets what the journal records with later changes of the transaction. It ends with the transaction. */
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

/** Reads what is set now. */
export async function readChangeContext(client: ClientLike): Promise<ChangeContext> {
  const { rows } = await client.query(
    `select
      coalesce(current_setting('casbin_bootstrap.actor', true), '') as actor,
      coalesce(current_setting('casbin_bootstrap.reason', true), '') as reason,
      coalesce(current_setting('casbin_bootstrap.release', true), '') as release`,
  );
  return rows[0];
}
