// Those who seed rules: the library's seeding step, its floor, and what people write instead.
import { bootstrapDatabase } from 'casbin-bootstrap';
import { findDistorted } from '../dist/src/casbin/distortion.js';
import { DocumentTable } from '../dist/src/tables/document-table.js';
import { seedRules } from '../dist/src/tables/insert.js';
import { copyRules, toCopyText } from './peers/copy.js';
import { fillNewTable } from './peers/new-table.js';
import { selectThenInsert } from './peers/select-then-insert.js';
import { addOneByOne, loadByStockAdapter } from './peers/stock-adapter.js';
import { insertRules } from './peers/unnest-insert.js';
import { toArrays } from './policies.js';
import { inTransaction } from './transaction.js';

export const OURS = 'casbin-bootstrap';
export const FLOOR = 'one unnest insert';
export const LOAD_FIRST = 'one unnest insert, then the indexes';
export const LOOP = 'addPolicy in a loop';
const INDEXES_FIRST = 'one unnest insert into the indexed table';
const BY_HAND = 'select, then insert';
const COPY = 'copy, then the indexes';

/** Beyond this the loops take minutes. */
export const LOOPS_UP_TO = 10_000;
const ROUNDS_OF_LOOPS = 3;

/**
 * Into a table that each makes itself, in the same transaction; for the loops, it is there.
 *
 * @param {import('./server.js').Database} database  empty
 * @param {{ rules: readonly any[], model: string }} work
 */
export function newTableContenders({ pool }, { rules, model }) {
  const arrays = toArrays(rules);
  const text = toCopyText(arrays);
  const prepare = async () => {
    await pool.query('drop table if exists casbin');
  };
  const check = sameContents(pool, rules.length);
  const contender = (name, write, indexes) => ({
    name,
    prepare,
    check,
    run: () => fillNewTable(pool, write, { indexes }),
  });
  const prepareLoop = async () => {
    await prepare();
    await fillNewTable(pool, async () => {}, { indexes: 'first' });
  };
  return [
    contender(LOAD_FIRST, (client) => insertRules(client, arrays), 'afterwards'),
    contender(OURS, (client) => checkAndSeed(client, rules), 'first'),
    contender(COPY, (client) => copyRules(client, text), 'afterwards'),
    contender(INDEXES_FIRST, (client) => insertRules(client, arrays), 'first'),
    ...(rules.length <= LOOPS_UP_TO ? loops(pool, rules, model, prepareLoop, check) : []),
  ];
}

/**
 * Into a table that holds some of the rules.
 *
 * @param {import('./server.js').Database} database  bootstrapped
 * @param {{ rules: readonly any[], present: readonly any[], model: string }} work
 *   the rules to seed, and those that are in the table before
 */
export function filledTableContenders({ pool }, { rules, present, model }) {
  const arrays = toArrays(rules);
  const presentArrays = toArrays(present);
  const prepare = async () => {
    await pool.query('truncate casbin restart identity');
    await insertRules(pool, presentArrays);
  };
  const check = sameContents(pool, rules.length);
  const contender = (name, write) => ({ name, prepare, check, run: () => inTransaction(pool, write) });
  return [
    contender(FLOOR, (client) => insertRules(client, arrays)),
    contender(OURS, (client) => checkAndSeed(client, rules)),
    ...(rules.length <= LOOPS_UP_TO ? loops(pool, rules, model, prepare, check) : []),
  ];
}

function loops(pool, rules, model, prepare, check) {
  let enforcer;
  const load = async () => {
    await prepare();
    enforcer = await loadByStockAdapter(pool, model);
  };
  return [
    { name: BY_HAND, rounds: ROUNDS_OF_LOOPS, prepare, check, run: () => selectThenInsert(pool, rules) },
    { name: LOOP, rounds: ROUNDS_OF_LOOPS, prepare: load, check, run: () => addOneByOne(enforcer, rules) },
  ];
}

/** What a bootstrap does to seed rules: tries their values, looks which are there, and inserts the others. */
function checkAndSeed(client, rules) {
  const distorted = findDistorted(rules);
  if (distorted.length > 0) throw new Error(distorted[0].message);
  return seedRules(client, new DocumentTable(), rules);
}

/** Throws unless the table holds so many rules, the same after every contender. */
function sameContents(pool, count) {
  let first;
  return async () => {
    const { rows } = await pool.query(
      `select count(*)::int as count, sum(hashtextextended(ptype || rule::text, 0)) as contents from casbin`,
    );
    first ??= rows[0].contents;
    if (rows[0].count !== count) throw new Error(`The table holds ${rows[0].count} rules, not ${count}.`);
    if (rows[0].contents !== first) throw new Error('The table holds other rules than after the first.');
  };
}

/**
 * The whole of bootstrapDatabase() on an empty database, by its own report: what seeding and verification took of it.
 *
 * @returns {Promise<import('./measure.js').Times>}
 */
export async function timeWhole(server, options, count, rounds) {
  const times = { 'whole bootstrapDatabase': [], 'of it seeding': [], 'of it verification': [] };
  for (let round = 0; round < rounds; round++) {
    const database = await server.createDatabase();
    const report = await bootstrapDatabase(database.pool, { ...options, seeders: [] });
    await database.drop();
    if (report.seeders[0].inserted !== count) throw new Error(`Not all of ${count} rules were inserted.`);
    times['whole bootstrapDatabase'].push(report.durationMs);
    times['of it seeding'].push(report.seeders[0].durationMs);
    times['of it verification'].push(report.verification.durationMs);
  }
  return times;
}

/** The whole bootstrap to its seeding step; of a small one, the round trips are what takes the time. */
export function wholeToSeeding(of, size, times) {
  return {
    what: `${of}: the whole bootstrap to its seeding step`,
    part: times['whole bootstrapDatabase'],
    whole: times['of it seeding'],
    ...(size >= 10_000 ? { atMost: 1.5 } : {}),
  };
}

/** Of what takes long, one run says enough. */
export function wholeRounds(scale, size) {
  return size > 200_000 || !scale.full ? 1 : 3;
}

/** A database that is bootstrapped, but holds no rule. */
export async function emptyTable(server) {
  const database = await server.createDatabase();
  await bootstrapDatabase(database.pool, { seeders: [], verify: false });
  await database.pool.query('truncate casbin restart identity');
  return database;
}
