import typeormAdapter from 'typeorm-adapter';

export const tableName = 'casbin_rule';

/** With `synchronize: true`, its default: the table is made, and brought into shape at every start. */
export async function openAdapter(url) {
  const adapter = await typeormAdapter.default.newAdapter({ type: 'postgres', url });
  return { adapter, close: () => adapter.close() };
}
