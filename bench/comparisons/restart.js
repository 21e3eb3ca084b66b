import { bootstrapDatabase } from 'casbin-bootstrap';
import { race, repeat } from '../measure.js';
import { recording, replay } from '../peers/replay.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap';
const BY_HAND = 'the same message by hand';
const RUNS = 20;

export default {
  name: 'restart',
  title: 'Start with nothing to do, default policy',
  about: `bootstrapDatabase() on a database where nothing is missing, verification included, beside what it sends, its one message of several statements, recorded before and sent again by hand on one client. A run is ${RUNS} starts, the time is that of one.`,
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const database = await server.createDatabase();
    await bootstrapDatabase(database.pool);
    const { pool } = database;
    const recorder = recording(pool);
    requireIdle(await bootstrapDatabase(recorder));
    const statements = [...recorder.statements];
    progress(`${statements.length} round trips`);
    const times = await race(
      [
        { name: BY_HAND, run: () => repeat(RUNS, () => replay(pool, statements)) },
        { name: OURS, run: () => repeat(RUNS, async () => requireIdle(await bootstrapDatabase(pool))) },
      ],
      { rounds: scale.rounds(1) },
    );
    await database.drop();
    const trips = { work: 'round trips', size: 16, unit: 'round trips', beside: true };
    return {
      rows: [
        ...toRows({ work: 'start', size: 16 }, times),
        ...toRows(trips, { [OURS]: [statements.length] }),
      ],
      ratios: [
        toRatio({ what: 'ours to the same by hand', part: times[OURS], whole: times[BY_HAND], atMost: 1.3 }),
      ],
    };
  },
};

function requireIdle({ changed, verification }) {
  if (changed || verification.checks === 0) throw new Error('A start with nothing to do did something.');
}
