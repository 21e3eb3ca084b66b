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
    'What is above the three packages is Node’s own work of finding and linking the library’s small files, some 140; nothing else is loaded by an import. Bundled into one file, the library took less than the three in a trial. That would put a bundler between the sources and what is published, and was not kept.',
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
      ratios: [toRatio({ what: 'ours to the three', part: times[OURS], whole: times[FLOOR], atMost: 1.2 })],
    };
  },
};

async function importIn(names) {
  const { ms, names: exported } = await runChild('import.js', names);
  if (exported.some((count) => count === 0)) throw new Error('A package exports nothing.');
  return { overriddenDuration: ms };
}
