import { rowSeeder } from 'casbin-bootstrap';
import { Kysely, PostgresDialect } from 'kysely';
import { pino } from 'pino';
import { race } from '../measure.js';
import { toRatio, toRows } from '../result.js';
import { inTransaction } from '../transaction.js';

const OURS = 'casbin-bootstrap, rowSeeder';
const FLOOR = 'one unnest insert';
const COLUMNS = ['key', 'name', 'amount', 'active'];
const logger = pino({ level: 'silent' });

export default {
  name: 'rows',
  title: 'Seed reference rows',
  about:
    'rowSeeder() into a table of four columns (text, text, numeric, boolean), its check of the rows, the existence check, the insert and the commit, beside one `insert … select from unnest … on conflict do nothing`, its parameters made beforehand: into an empty table, and with every other row there before.',
  chart: 'bars',
  counted: 'rows',
  async run({ server, scale, progress }) {
    const size = scale.upTo(100_000);
    const rows = makeRows(size);
    const database = await server.createDatabase();
    await database.pool.query(
      'create table item (key text primary key, name text not null, amount numeric not null, active boolean not null)',
    );
    const result = { rows: [], ratios: [] };
    for (const [work, present] of [
      ['empty table', []],
      ['half present', rows.filter((_, n) => n % 2 === 0)],
    ]) {
      progress(`${size} rows, ${work}`);
      const times = await race(contenders(database.pool, rows, present), { rounds: scale.rounds(size) });
      result.rows.push(...toRows({ work, size }, times));
      result.ratios.push(
        toRatio({
          what: `${work}: ours to the floor`,
          part: times[OURS],
          whole: times[FLOOR],
          atMost: 1.3,
        }),
      );
    }
    await database.drop();
    return result;
  },
};

function makeRows(count) {
  return Array.from({ length: count }, (_, n) => ({
    key: `item-${n}`,
    name: `The item of number ${n}`,
    amount: n / 100,
    active: n % 3 === 0,
  }));
}

function contenders(pool, rows, present) {
  const arrays = toArrays(rows);
  const presentArrays = toArrays(present);
  const prepare = async () => {
    await pool.query('truncate item');
    await insertRows(pool, presentArrays);
  };
  const check = requireRows(pool, rows);
  return [
    { name: FLOOR, prepare, check, run: () => insertRows(pool, arrays) },
    { name: OURS, prepare, check, run: () => seedRows(pool, rows) },
  ];
}

/** Not destroyed: that would end the pool. */
function seedRows(pool, rows) {
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const seeder = rowSeeder({ name: 'items', table: 'item', key: 'key', rows });
  const problems = seeder.check();
  if (problems.length > 0) throw new Error(problems[0].message);
  return db
    .transaction()
    .execute((trx) => seeder.seed({ db: trx, logger, schema: 'public', firstRun: true, progress() {} }));
}

function insertRows(pool, arrays) {
  return inTransaction(pool, (client) =>
    client.query(
      `insert into item (key, name, amount, active)
       select * from unnest($1::text[], $2::text[], $3::numeric[], $4::boolean[])
       on conflict do nothing`,
      arrays,
    ),
  );
}

function toArrays(rows) {
  return COLUMNS.map((column) => rows.map((row) => row[column]));
}

function requireRows(pool, rows) {
  const sum = rows.reduce((total, { amount }) => total + Math.round(amount * 100), 0);
  return async () => {
    const { rows: found } = await pool.query(
      'select count(*)::int as count, (sum(amount) * 100)::float8 as sum from item',
    );
    const { count, sum: stored } = found[0];
    if (count !== rows.length || stored !== sum) throw new Error(`The table holds ${count} rows, or others.`);
  };
}
