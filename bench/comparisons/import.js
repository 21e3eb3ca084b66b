import { runChild } from '../child.js';
import { race } from '../measure.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap';
const FLOOR = 'casbin, pg and kysely';

export default {
  name: 'import',
  title: 'Import the library',
  about:
    "`import 'casbin-bootstrap'` beside the import of the three packages that it is built on and an application has anyway: each in a fresh process, whose own start is left out.",
  remarks:
    'The library is one bundle; of pg it loads nothing before it has something to connect, so it may take less than the three.',
  chart: 'bars',
  counted: 'process',
  async run({ scale }) {
    const times = await race(
      [
        { name: FLOOR, run: () => importIn(['casbin', 'pg', 'kysely']) },
        { name: OURS, run: () => importIn(['casbin-bootstrap']) },
      ],
      { rounds: scale.full ? 20 : 1 },
    );
    return {
      rows: toRows({ work: 'import', size: 1 }, times),
      ratios: [toRatio({ what: 'ours to the three', part: times[OURS], whole: times[FLOOR], atMost: 0.9 })],
    };
  },
};

async function importIn(names) {
  const { ms, names: exported } = await runChild('import.js', names);
  if (exported.some((count) => count === 0)) throw new Error('A package exports nothing.');
  return { overriddenDuration: ms };
}
