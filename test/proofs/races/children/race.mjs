import { bootstrapDatabase } from 'casbin-bootstrap';
import { pino } from 'pino';
import { whenAllReady } from '../../../support/children/barrier.mjs';
import { locklessPool } from './lockless-pool.mjs';

const RULES = Array.from({ length: 50 }, (_, index) => ['p', `role ${index}`, 'data', 'read']);

const migrations = {
  '2026_notes': { up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute() },
  '2027_marks': { up: (db) => db.schema.alterTable('casbin').addColumn('mark', 'text').execute() },
};

/** What the instances are started with, in turn. */
const RELEASES = {
  default: [{}],
  'own schema': [{ schema: 'apart' }],
  'new migrations': [{ migrations }],
  'two orders': [RULES, RULES.toReversed()].map((rules) => ({ policy: { rules }, seeders: [] })),
};

const [release, count] = process.argv.slice(2);
const instances = Array.from({ length: Number(count) }, (_, index) => ({
  pool: locklessPool(process.env.DATABASE_URL),
  options: RELEASES[release][(index + Number(process.env.PROCESS_INDEX)) % RELEASES[release].length],
}));
for (const { pool } of instances) await pool.open();
await whenAllReady();
console.log(JSON.stringify(await Promise.all(instances.map(start))));

async function start({ pool, options }) {
  const conflicts = [];
  const note = ({ event, code }) => event === 'conflict_retried' && conflicts.push(code);
  const logger = pino({}, { write: (line) => note(JSON.parse(line)) });
  const { seeders, verification } = await bootstrapDatabase(pool, { ...options, logger });
  await pool.end();
  const inserted = seeders.reduce((sum, seeder) => sum + seeder.inserted, 0);
  return { inserted, ok: verification.ok, conflicts, locksHeld: pool.locksHeld };
}
