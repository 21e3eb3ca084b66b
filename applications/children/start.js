import { newEnforcer } from 'casbin';
import pg from 'pg';
import { bootstrapDatabase, defaultModelPath } from '../../dist/index.js';
import { whenAllReady } from '../../test/support/children/barrier.mjs';

const [name, table, policy, each] = process.argv.slice(2);
const index = Number(process.env.PROCESS_INDEX);
const url = process.env.DATABASE_URL;
const isOurs = index % 2 === 0;
const { openAdapter } = await import(`../adapters/${name}.js`);
const instances = Array.from({ length: Number(each) }, (_, number) => ({
  subject: `instance-${index}-${number}`,
  pool: new pg.Pool({ connectionString: url, max: 1 }),
}));
for (const { pool } of instances) await pool.query('select 1');
await whenAllReady();
console.log(JSON.stringify(await Promise.all(instances.map(isOurs ? bootstrap : start))));
// Adapters that failed by their own faults may have left connections open.
process.exit(0);

async function bootstrap({ pool }) {
  try {
    const { verification, seeders } = await bootstrapDatabase(pool, { policy, table, seeders: [] });
    return { role: 'ours', ok: verification.ok, inserted: seeders[0].inserted };
  } catch (error) {
    return { role: 'ours', ok: false, error: `${error.code}: ${error.message}` };
  }
}

async function start({ subject }) {
  try {
    const { adapter } = await openAdapter(url);
    const enforcer = await newEnforcer(defaultModelPath, adapter);
    const rule = [subject, 'ledger', 'write'];
    await enforcer.addPolicy(...rule);
    return { role: 'theirs', ok: true, added: ['p', ...rule] };
  } catch (error) {
    return { role: 'theirs', ok: false, error: error.message };
  }
}
