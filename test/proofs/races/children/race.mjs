import { bootstrapDatabase } from 'casbin-bootstrap';
import { pino } from 'pino';
import { serveRounds } from '../../../support/children/rounds.mjs';
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

await serveRounds(async ({ url, release, count }) => {
  const choices = RELEASES[release];
  const instances = Array.from({ length: count }, (_, index) => ({
    pool: locklessPool(url),
    options: choices[(index + Number(process.env.PROCESS_INDEX)) % choices.length],
  }));
  for (const { pool } of instances) await pool.open();
  return () => Promise.all(instances.map(start));
});

async function start({ pool, options }) {
  const conflicts = [];
  const note = ({ event, code }) => event === 'conflict_retried' && conflicts.push(code);
  const logger = pino({}, { write: (line) => note(JSON.parse(line)) });
  const { seeders, verification } = await bootstrapDatabase(pool, { ...options, logger });
  await pool.end();
  const inserted = seeders.reduce((sum, seeder) => sum + seeder.inserted, 0);
  return { inserted, ok: verification.ok, conflicts, locksHeld: pool.locksHeld };
}
