import { bootstrapDatabase } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { runTogether, wallTime } from '../processes.js';
import { toRatio, toRows } from '../result.js';

const STOCK_PROCESSES = 8;
const OURS = 'casbin-bootstrap';

export default {
  name: 'processes',
  title: 'Several processes at once',
  about:
    'So many processes that have imported the library bootstrap one database at the same moment, default policy: an empty one (cold), and one where nothing is missing (warm). The time goes from the first that begins to the last that is done, connecting included. All must succeed, one of them with changes on the empty database and none on the other. Beside it, how many processes survive that open casbin-pg-adapter on an empty database at once.',
  chart: 'bars',
  counted: 'processes',
  async run({ server, scale, progress }) {
    const counts = scale.processes([1, 8, 64]);
    const rounds = scale.full ? 5 : 1;
    const result = { rows: [], ratios: [] };
    for (const state of ['cold', 'warm']) {
      progress(`${counts.join(', ')} processes, ${state}`);
      const bench = counts.map((count) => contender(server, state, count));
      const times = await race(bench, { rounds, warmUp: false });
      for (const [n, count] of counts.entries()) {
        const samples = times[bench[n].name];
        result.rows.push(...toRows({ work: `processes, ${state}`, size: count }, { [OURS]: samples }));
        if (n > 0)
          result.ratios.push(
            toRatio({
              what: `${count} processes to one, ${state}`,
              part: samples,
              whole: times[bench[0].name],
            }),
          );
      }
    }
    const survivors = await countSurvivors(server, rounds);
    const unit = `of ${STOCK_PROCESSES} succeed`;
    const stock = { work: 'processes, cold', size: STOCK_PROCESSES, unit, beside: true };
    result.rows.push(...toRows(stock, { 'casbin-pg-adapter': survivors }));
    return result;
  },
};

function contender(server, state, count) {
  let database;
  return {
    name: `${count}`,
    prepare: async () => {
      database = await server.createDatabase();
      if (state === 'warm') await bootstrapDatabase(database.pool);
    },
    run: async () => {
      const { reports, failure } = await runTogether(count, 'bootstrap.js', { DATABASE_URL: database.url });
      if (failure !== null) throw new Error(`One of ${count} processes failed: ${failure}`);
      return {
        overriddenDuration: wallTime(reports),
        changes: reports.filter(({ changed }) => changed).length,
      };
    },
    check: async ({ changes }) => {
      await database.drop();
      const expected = state === 'cold' ? 1 : 0;
      if (changes !== expected) throw new Error(`${changes} of ${count} processes changed something.`);
    },
  };
}

async function countSurvivors(server, rounds) {
  const survivors = [];
  for (let round = 0; round < rounds; round++) {
    const database = await server.createDatabase();
    const { reports } = await runTogether(STOCK_PROCESSES, 'stock.js', { DATABASE_URL: database.url });
    await database.drop();
    survivors.push(reports.length);
  }
  return survivors;
}
