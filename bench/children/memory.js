// Builds a definition of so many rules, bootstraps a database with it if told to, and prints the peak of memory.
import { bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';
import { rolePolicy } from '../policies.js';

const [work, count] = process.argv.slice(2);
const policy = rolePolicy(Number(count));
const started = performance.now();
const report = work === 'bootstrap' ? await bootstrap() : null;
console.log(
  JSON.stringify({
    // kilobytes on every system
    mib: process.resourceUsage().maxRSS / 1024,
    ms: performance.now() - started,
    rules: policy.rules.length,
    inserted: report?.seeders[0].inserted ?? null,
    checks: report?.verification.checks ?? null,
  }),
);

async function bootstrap() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
  const result = await bootstrapDatabase(pool, { policy, seeders: [] });
  await pool.end();
  return result;
}
