import { race } from '../measure.js';
import { compile, RBAC, rolePolicy } from '../policies.js';
import { toGrowth, toRatio, toRows } from '../result.js';
import {
  LOAD_FIRST,
  LOOP,
  LOOPS_UP_TO,
  newTableContenders,
  OURS,
  timeWhole,
  wholeRounds,
  wholeToSeeding,
} from '../seeding.js';

const SIZES = [1_000, 10_000, 100_000, 1_000_000];

export default {
  name: 'seed-cold',
  title: 'Seed rules into a new table',
  about:
    'The seeding step (the values tried against Casbin’s loader, the existence check, the insert) in the transaction that makes the table. The floor is what a person in a hurry would write: one `insert … select from unnest`, its parameters made beforehand, into the table without indexes, and its nine indexes afterwards. Beside it `copy`; the same insert with the indexes in place; the loop of `addPolicy` on casbin-pg-adapter that tutorials show; and a `select`, then `insert` for each rule. Below, the whole of bootstrapDatabase() on an empty database.',
  remarks:
    'The loop of `addPolicy` commits every rule by itself, and waits each time until the rule is on the disk (fsync and synchronous_commit are on).',
  chart: 'lines',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const rows = [];
    const ratios = [];
    const ours = [];
    for (const size of scale.sizes(SIZES)) {
      progress(`${size} rules`);
      const definition = rolePolicy(size);
      const database = await server.createDatabase();
      const rules = compile(definition);
      const times = await race(newTableContenders(database, { rules, model: RBAC }), {
        rounds: scale.rounds(size),
      });
      await database.drop();
      ours.push({ size, samples: times[OURS] });
      rows.push(...toRows({ work: 'seeding', size }, times));
      ratios.push(...compare(size, times));
      progress(`${size} rules, the whole bootstrap`);
      const whole = await timeWhole(server, { policy: definition }, size, wholeRounds(scale, size));
      rows.push(...toRows({ work: 'bootstrap', size, beside: true }, whole));
      ratios.push(toRatio(wholeToSeeding(`${size.toLocaleString('en-US')} rules`, size, whole)));
    }
    return { rows, ratios: [...ratios, ...growth(ours)] };
  },
};

function compare(size, times) {
  const of = `${size.toLocaleString('en-US')} rules`;
  const floor = {
    what: `${of}: ours to the floor`,
    part: times[OURS],
    whole: times[LOAD_FIRST],
    ...(size >= 10_000 ? { atMost: 1.3 } : {}),
  };
  const loop = {
    what: `${of}: the addPolicy loop to ours`,
    part: times[LOOP] ?? [],
    whole: times[OURS],
    ...(size === LOOPS_UP_TO ? { atLeast: 30 } : {}),
  };
  return [floor, ...(LOOP in times ? [loop] : [])].map(toRatio);
}

/** From 10,000 rules on; below that, the round trips are what takes the time. */
function growth(ours) {
  const from = ours.find(({ size }) => size >= 10_000);
  const to = ours.at(-1);
  if (from === undefined || from === to) return [];
  const sizes = [from, to].map(({ size }) => size.toLocaleString('en-US'));
  return [
    toGrowth({ what: `time for one rule at ${sizes[1]} to that at ${sizes[0]}`, from, to, atMost: 1.5 }),
  ];
}
