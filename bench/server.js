// A PostgreSQL server of the bench's own, and databases on it. It is the one of the tests, compiled by
// bench/tsconfig.json: however this process ends, it is stopped and its files are removed.
import pg from 'pg';

const { startServer: start } = await import(new URL('../.data/bench/server.js', import.meta.url));

const SETTINGS = {
  // as in production: a commit waits for the disk
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: 200,
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '1h',
  // or it would work in some rounds and not in others
  autovacuum: 'off',
};

/**
 * @typedef {object} Database
 * @property {string} name
 * @property {string} url
 * @property {pg.Pool} pool
 * @property {() => Promise<void>} drop
 *
 * @typedef {object} Server
 * @property {string} version
 * @property {(template?: Database) => Promise<Database>} createDatabase  empty, or a copy of one whose pool is idle
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<Server>} */
export async function startServer() {
  const server = await start({ settings: SETTINGS });
  const admin = new pg.Pool({ connectionString: server.url(), max: 1 });
  const { rows } = await admin.query("select current_setting('server_version') as version");
  let count = 0;
  return {
    version: rows[0].version,
    async createDatabase(template) {
      const name = `bench_${count++}`;
      if (template !== undefined) await disconnect(admin, template.name);
      await admin.query(`create database ${name} template ${template?.name ?? 'template0'}`);
      return open(admin, name, server.url(name));
    },
    async stop() {
      await admin.end();
      await server.stop();
    },
  };
}

/** @returns {Database} */
function open(admin, name, url) {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  // a connection that is idle when its database is copied
  pool.on('error', () => {});
  return {
    name,
    url,
    pool,
    async drop() {
      await pool.end();
      await admin.query(`drop database ${name} with (force)`);
    },
  };
}

/** A database with a connection can't be copied. */
async function disconnect(admin, name) {
  await admin.query(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [name],
  );
}
