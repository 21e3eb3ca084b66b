import { KnexAdapter } from 'casbin-knex-adapter';
import knex from 'knex';

export const tableName = 'policies';

export async function openAdapter(url) {
  const adapter = await KnexAdapter.newAdapter(knex({ client: 'pg', connection: url }));
  return { adapter, close: () => adapter.close() };
}
