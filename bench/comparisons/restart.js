import { bootstrapDatabase } from 'casbin-bootstrap';
import { runChild } from '../child.js';
import { race, repeat } from '../measure.js';
import { recording, replay } from '../peers/replay.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap';
const BY_HAND = 'the same message by hand';
const RUNS = 20;
const WARM_UP = 2_000;

export default {
  name: 'restart',
  title: 'Start with nothing to do, default policy',
  about: `bootstrapDatabase() on a database where nothing is missing, verification included, beside what it sends, its one message of several statements, recorded before and sent again by hand on one client. A run is ${RUNS} starts, the time is that of one, after ${WARM_UP.toLocaleString('en-US')} starts of each: Node compiles for speed what has run often. Below, the first start of a process, with its import and its connection left out.`,
  remarks:
    'The first start of a process runs code that Node has just read. That takes longer than all else, also for what is sent by hand.',
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const database = await server.createDatabase();
    await bootstrapDatabase(database.pool);
    const { pool, url } = database;
    const recorder = recording(pool);
    requireIdle(await bootstrapDatabase(recorder));
    const statements = [...recorder.statements];
    progress(`${statements.length} round trips`);
    const byHand = () => replay(pool, statements);
    const start = async () => requireIdle(await bootstrapDatabase(pool));
    for (const work of [byHand, start]) await repeat(scale.upTo(WARM_UP), work);
    const rounds = scale.rounds(1);
    const times = await race(
      [
        { name: BY_HAND, run: () => repeat(RUNS, byHand) },
        { name: OURS, run: () => repeat(RUNS, start) },
      ],
      // A collection by hand would take away what was compiled.
      { rounds, collect: false },
    );
    progress('in new processes');
    const texts = JSON.stringify(statements.map(([{ text }]) => [text]));
    const first = await race(
      [
        { name: BY_HAND, run: () => startOnce([url, texts]) },
        { name: OURS, run: () => startOnce([url]) },
      ],
      { rounds },
    );
    await database.drop();
    const trips = { work: 'round trips', size: 16, unit: 'round trips', beside: true };
    return {
      rows: [
        ...toRows({ work: 'start', size: 16 }, times),
        ...toRows({ work: 'first start of a process', size: 16, beside: true }, first),
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

async function startOnce(args) {
  const { ms } = await runChild('start.js', args);
  return { overriddenDuration: ms };
}
