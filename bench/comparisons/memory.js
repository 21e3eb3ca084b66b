import { runChild } from '../child.js';
import { toRows } from '../result.js';

const OURS = 'casbin-bootstrap';
const DEFINITION = 'the definition alone';
const AIM_MIB = 1024;

export default {
  name: 'memory',
  title: 'Peak memory of a large bootstrap',
  about:
    'The most memory that a Node process held at once (resident, all of the process) which built a definition and seeded and verified it on an empty database, in one run with Node’s own settings; beside it a process that only builds the definition, with the library imported.',
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const size = scale.upTo(1_000_000);
    progress(`${size} rules`);
    const definition = await runChild('memory.js', ['definition', String(size)]);
    const database = await server.createDatabase();
    const whole = await runChild('memory.js', ['bootstrap', String(size)], { DATABASE_URL: database.url });
    const { rows } = await database.pool.query('select count(*)::int as count from casbin');
    await database.drop();
    if (rows[0].count !== size || whole.inserted !== size || whole.checks === 0)
      throw new Error(`${rows[0].count} rules were seeded, ${whole.checks} decisions verified.`);
    const peaks = { [OURS]: [whole.mib], [DEFINITION]: [definition.mib] };
    return {
      rows: [
        ...toRows({ work: 'peak memory', size, unit: 'MiB' }, peaks),
        ...toRows({ work: 'time', size, beside: true }, { [OURS]: [whole.ms] }),
        ...toRows({ work: 'verified', size, unit: 'decisions', beside: true }, { [OURS]: [whole.checks] }),
      ],
      ratios: [atMostMemory(whole.mib)],
    };
  },
};

function atMostMemory(mib) {
  const value = mib / AIM_MIB;
  return { what: 'peak memory to 1 GiB', value, low: value, high: value, aim: '≤ 1 ×', reached: value <= 1 };
}
