import { newEnforcer, newModelFromString } from 'casbin';
import { bootstrapDatabase, createAdapter } from 'casbin-bootstrap';
import watchers from 'casbin-pg-watcher';
import { RBAC } from '../policies.js';

const { newWatcher } = watchers;

/** A stock enforcer that casbin-pg-watcher has load all rules when somebody else has written one. */
export async function openWatched(server, policy) {
  const database = await server.createDatabase();
  const { pool, url } = database;
  await bootstrapDatabase(pool, { policy, seeders: [], verify: false });
  const adapter = createAdapter(pool);
  const enforcer = await newEnforcer(newModelFromString(RBAC), adapter);
  const [watcher, other] = [
    await newWatcher({ connectionString: url }),
    await newWatcher({ connectionString: url }),
  ];
  enforcer.setWatcher(watcher);
  let count = 0;
  return {
    async write() {
      const user = `user${count++}`;
      const started = performance.now();
      await adapter.addPolicy('g', 'g', [user, 'role9']);
      await other.update();
      while (!enforcer.enforceSync(user, 'resource9', 'read'))
        await new Promise((done) => setImmediate(done));
      return { overriddenDuration: performance.now() - started };
    },
    async close() {
      await Promise.all([watcher.close(), other.close()]);
      await database.drop();
    },
  };
}
