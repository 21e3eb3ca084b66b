import { bootstrapDatabase } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { toRatio, toRows } from '../result.js';

const WITH = 'with the journal';
const WITHOUT = 'without';
const MANY = 100_000;
/** Single inserts, in one transaction, whose mean is one round. */
const SINGLE = 1_000;

export default {
  name: 'journal',
  title: 'Write rules while every change is recorded',
  about:
    'A rule table with the triggers of journal: true, and one without them: single inserts in one transaction, the mean of a thousand, and 100,000 rules in one statement. Each round begins with the same rules.',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const [on, off] = [await open(server, true), await open(server, false)];
    const result = { rows: [], ratios: [] };
    const many = scale.upTo(MANY);
    const works = [
      { work: 'single inserts', size: 1, unit: 'µs', write: insertOneByOne },
      { work: 'one statement', size: many, unit: 'ms', write: (client) => insertMany(client, many) },
    ];
    for (const { work, size, unit, write } of works) {
      progress(work);
      const contender = (name, { client }) => ({
        name,
        prepare: () => client.query('begin'),
        run: () => write(client),
        check: () => client.query('rollback'),
      });
      const contenders = [contender(WITH, on), contender(WITHOUT, off)];
      const times = await race(contenders, { rounds: scale.rounds(size) });
      result.rows.push(...toRows({ work, size, unit }, times));
      result.ratios.push(
        toRatio({ what: `${work}: with the journal to without`, part: times[WITH], whole: times[WITHOUT] }),
      );
    }
    for (const { close } of [on, off]) await close();
    return result;
  },
};

async function open(server, journal) {
  const database = await server.createDatabase();
  await bootstrapDatabase(database.pool, { seeders: [], journal });
  const client = await database.pool.connect();
  return {
    client,
    async close() {
      client.release();
      await database.drop();
    },
  };
}

async function insertOneByOne(client) {
  const { rows } = await client.query('select clock_timestamp() as began');
  // In a loop on the server: of a round trip for each nothing else would be seen.
  await client.query(`
    do $$ begin
      for n in 1..${SINGLE} loop
        insert into casbin (ptype, rule) values ('g', jsonb_build_array('user' || n, 'user'));
      end loop;
    end $$
  `);
  const ended = await client.query(
    'select extract(epoch from clock_timestamp() - $1::timestamptz) * 1e6 as us',
    [rows[0].began],
  );
  return { overriddenDuration: Number(ended.rows[0].us) / SINGLE };
}

async function insertMany(client, count) {
  await client.query(
    `insert into casbin (ptype, rule) select 'g', jsonb_build_array('user' || n, 'user') from generate_series(1, $1::int) n`,
    [count],
  );
}
