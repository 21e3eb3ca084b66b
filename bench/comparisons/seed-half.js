import { race } from '../measure.js';
import { compile, RBAC, rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';
import { emptyTable, FLOOR, filledTableContenders, OURS } from '../seeding.js';

const SIZES = [1_000, 10_000, 100_000, 1_000_000];

export default {
  name: 'seed-half',
  title: 'Seed rules of which half are there',
  about:
    'As above, with every other rule in the table before. The floor is one `insert … select from unnest … on conflict do nothing`, which leaves out what is there.',
  chart: 'lines',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const rows = [];
    const ratios = [];
    for (const size of scale.sizes(SIZES)) {
      progress(`${size} rules`);
      const rules = compile(rolePolicy(size));
      const present = rules.filter((_, n) => n % 2 === 0);
      const database = await emptyTable(server);
      const times = await race(filledTableContenders(database, { rules, present, model: RBAC }), {
        rounds: scale.rounds(size),
      });
      await database.drop();
      rows.push(...toRows({ work: 'seeding', size }, times));
      ratios.push(
        toRatio({
          what: `${size.toLocaleString('en-US')} rules: ours to the floor`,
          part: times[OURS],
          whole: times[FLOOR],
          ...(size >= 10_000 ? { atMost: 1.3 } : {}),
        }),
      );
    }
    return { rows, ratios };
  },
};
