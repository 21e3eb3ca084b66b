import { newEnforcer, newModelFromString } from 'casbin';
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';

/** casbin-pg-adapter on the pool; its migrations are there already. */
function openStockAdapter(pool) {
  return PostgresAdapter.newAdapter({ migrate: false, dbClient: (execute) => withClient(pool, execute) });
}

/** As its own pool does. */
async function withClient(pool, execute) {
  const client = await pool.connect();
  try {
    return await execute(client);
  } finally {
    client.release();
  }
}

/** What an application does at its start: an enforcer with the policy loaded by casbin-pg-adapter. */
export async function loadByStockAdapter(pool, model) {
  return newEnforcer(newModelFromString(model), await openStockAdapter(pool));
}

/** What tutorials show: one `addPolicy` after the other, each of which the enforcer saves. */
export async function addOneByOne(enforcer, rules) {
  for (const { ptype, values } of rules) {
    if (ptype.startsWith('g')) await enforcer.addNamedGroupingPolicy(ptype, ...values);
    else await enforcer.addNamedPolicy(ptype, ...values);
  }
}
