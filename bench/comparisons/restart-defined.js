import { bootstrapDatabase } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { countMissing } from '../peers/anti-join.js';
import { compile, rolePolicy, toArrays } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap, verify: false';
const VERIFIED = 'casbin-bootstrap';
const ANTI_JOIN = 'one anti-join';

export default {
  name: 'restart-defined',
  title: 'Start with nothing to do, a large definition',
  about:
    'bootstrapDatabase() on a database that holds all defined rules, verification left out, beside one query that counts which of them are missing, its parameters made beforehand. The verified start is shown beside them.',
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const size = scale.upTo(100_000);
    const policy = rolePolicy(size);
    const arrays = toArrays(compile(policy));
    const database = await server.createDatabase();
    const { pool } = database;
    const start = (options) => bootstrapDatabase(pool, { policy, seeders: [], ...options });
    await start({ verify: false });
    await pool.query('vacuum analyze casbin');
    progress(`${size} rules`);
    const times = await race(
      [
        { name: ANTI_JOIN, run: () => countMissing(pool, arrays), check: requireNone },
        { name: OURS, run: () => start({ verify: false }), check: requireUnchanged },
        { name: VERIFIED, rounds: 1, run: () => start({}), check: requireUnchanged },
      ],
      { rounds: scale.rounds(size) },
    );
    await database.drop();
    const { [VERIFIED]: verified, ...compared } = times;
    return {
      rows: [
        ...toRows({ work: 'start', size }, compared),
        ...toRows({ work: 'verified start', size, beside: true }, { [VERIFIED]: verified }),
      ],
      ratios: [
        toRatio({
          what: 'ours, not verified, to one anti-join',
          part: times[OURS],
          whole: times[ANTI_JOIN],
          atMost: 1.5,
        }),
      ],
    };
  },
};

function requireNone(missing) {
  if (missing !== 0) throw new Error(`${missing} rules are missing.`);
}

function requireUnchanged({ changed }) {
  if (changed) throw new Error('A start with nothing to do changed something.');
}
