// An enforcer that follows the database. On a notification, a fresh one is loaded and swapped in. Casbin's own reload,
// which casbin-pg-watcher calls, clears the model first: until it has loaded again, valid requests are denied.
import { setTimeout as sleep } from 'node:timers/promises';
import { createEnforcer } from 'casbin-bootstrap';
import pg from 'pg';

/** The default of the option `notifyChannel`. */
const CHANNEL = 'casbin';

/**
 * Loads the policy, and again whenever somebody announces a change. Ask for `enforcer` at each request.
 *
 * `connectionString` is for the connection that listens: to the server itself, as a pooler in transaction mode does
 * not pass notifications on. `options` are those of the bootstrap.
 */
export async function followPolicy({ pool, connectionString, options, onError, retryAfterMs = 1_000 }) {
  const closing = new AbortController();
  const pause = () => sleep(retryAfterMs, undefined, { signal: closing.signal }).catch(() => {});
  let enforcer;
  let wanted = false;
  let reloading = Promise.resolve(); // until the first load is done, a notification only requests another one

  // Listening first, so that no change between the two is missed.
  let listener = await listen();
  try {
    enforcer = await createEnforcer(pool, options);
  } catch (error) {
    await listener.client.end();
    throw error;
  }
  reloading = wanted ? loadWhileWanted() : undefined;
  const listening = keepListening();

  return {
    get enforcer() {
      return enforcer;
    },
    async close() {
      closing.abort();
      await listener.client.end();
      await Promise.all([listening, reloading]);
    },
  };

  function reload() {
    wanted = true;
    reloading ??= loadWhileWanted();
  }

  /** However many notifications arrive during a load, one more load follows it. */
  async function loadWhileWanted() {
    while (wanted && !closing.signal.aborted) {
      wanted = false;
      try {
        enforcer = await createEnforcer(pool, options);
      } catch (error) {
        // The previous enforcer stays in use.
        onError(error);
        wanted = true;
        await pause();
      }
    }
    reloading = undefined;
  }

  async function listen() {
    const client = new pg.Client({ connectionString, keepAlive: true });
    const ended = new Promise((resolve) => client.once('end', resolve));
    // Without a listener, a connection that is lost would end the process.
    client.on('error', onError);
    client.on('notification', reload);
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (error) {
      await client.end();
      throw error;
    }
    return { client, ended };
  }

  async function keepListening() {
    await listener.ended;
    while (!closing.signal.aborted) {
      try {
        listener = await listen();
      } catch (error) {
        onError(error);
        await pause();
        continue;
      }
      if (closing.signal.aborted) await listener.client.end();
      // Notifications that were sent in between are lost.
      reload();
      await listener.ended;
    }
  }
}
