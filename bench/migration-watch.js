// What it costs to watch the policy while migrations run: fifty pending ones over 2,000 rules, watched and not.
import { bootstrapDatabase } from 'casbin-bootstrap';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';
import { Bench } from 'tinybench';

const MIGRATIONS = 50;
const RULES = 2_000;

const roles = Object.fromEntries(
  Array.from({ length: 10 }, (_, role) => [
    `role${role}`,
    {
      permissions: Object.fromEntries(
        Array.from({ length: RULES / 10 }, (_, index) => [`resource${index}`, [`act${role}`]]),
      ),
    },
  ]),
);
const policy = { roles };
const migrations = Object.fromEntries(
  Array.from({ length: MIGRATIONS }, (_, index) => [
    `m${String(index).padStart(3, '0')}`,
    { up: (db) => db.schema.createTable(`t${index}`).addColumn('id', 'integer').execute() },
  ]),
);

const pool = createEmbeddedPool();
let round = 0;
let schema = '';
// A schema of its own for each round, in which the policy is there and the migrations are pending.
const prepare = async () => {
  schema = `round_${round++}`;
  await bootstrapDatabase(pool, { schema, policy, seeders: [] });
};
const migrate = (verify) => bootstrapDatabase(pool, { schema, policy, seeders: [], migrations, verify });

const bench = new Bench({ iterations: 5, warmupIterations: 1, time: 0, warmupTime: 0 });
bench.add('watched', () => migrate({}), { beforeEach: prepare });
bench.add('not verified', () => migrate(false), { beforeEach: prepare });
await bench.run();
await pool.end();

const median = (name) => bench.getTask(name).result.latency.p50;
const shown = (ms) => `${Math.round(ms).toLocaleString('en-US')} ms`;
const more = median('watched') - median('not verified');
console.log(
  `${MIGRATIONS} pending migrations over ${RULES.toLocaleString('en-US')} rules, medians of 5 rounds`,
);
console.log(`  not verified                   ${shown(median('not verified'))}`);
console.log(`  watched, and verified at last  ${shown(median('watched'))}`);
console.log(`  ${(more / MIGRATIONS).toFixed(1)} ms a migration, all verification included`);
