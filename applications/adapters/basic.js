import { BasicAdapter } from 'casbin-basic-adapter';
import pg from 'pg';

export const tableName = 'casbin_rule';

export async function openAdapter(url) {
  const adapter = await BasicAdapter.newAdapter('pg', new pg.Client({ connectionString: url }));
  return { adapter, close: () => adapter.close() };
}
