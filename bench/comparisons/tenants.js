import { newModelFromString } from 'casbin';
import { race } from '../measure.js';
import { compile, RBAC_WITH_DOMAINS, tenantPolicy } from '../policies.js';
import { toGrowth, toRatio, toRows } from '../result.js';
import { LOAD_FIRST, newTableContenders, OURS, timeWhole, wholeRounds, wholeToSeeding } from '../seeding.js';

const RULES_OF_TENANT = 16;
const SIZES = [16_000, 160_000];

export default {
  name: 'tenants',
  title: 'Seed tenants',
  about: `RBAC with domains, ${RULES_OF_TENANT} rules for each tenant in one definition: the seeding step beside one unnest insert and the indexes afterwards, as for rules without tenants. Below, the whole of bootstrapDatabase() on an empty database.`,
  chart: 'lines',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const rows = [];
    const ratios = [];
    const ours = [];
    for (const most of scale.sizes(SIZES)) {
      const tenants = Math.floor(most / RULES_OF_TENANT);
      const size = tenants * RULES_OF_TENANT;
      progress(`${tenants} tenants`);
      const definition = tenantPolicy(tenants);
      const database = await server.createDatabase();
      const work = { rules: compile(definition), model: RBAC_WITH_DOMAINS };
      const compared = newTableContenders(database, work).filter(({ name }) =>
        [OURS, LOAD_FIRST].includes(name),
      );
      const times = await race(compared, { rounds: scale.rounds(size) });
      await database.drop();
      ours.push({ size, samples: times[OURS] });
      rows.push(...toRows({ work: `${tenants.toLocaleString('en-US')} tenants`, size }, times));
      ratios.push(
        toRatio({
          what: `${tenants.toLocaleString('en-US')} tenants: ours to the floor`,
          part: times[OURS],
          whole: times[LOAD_FIRST],
          atMost: 1.3,
        }),
      );
      progress(`${tenants} tenants, the whole bootstrap`);
      const options = { policy: definition, model: newModelFromString(RBAC_WITH_DOMAINS) };
      const whole = await timeWhole(server, options, size, wholeRounds(scale, size));
      rows.push(...toRows({ work: 'bootstrap', size, beside: true }, whole));
      ratios.push(toRatio(wholeToSeeding(`${tenants.toLocaleString('en-US')} tenants`, size, whole)));
    }
    const [from, to] = ours;
    const growth = {
      what: 'time for one rule with 10,000 tenants to that with 1,000',
      from,
      to,
      atMost: 1.5,
    };
    return { rows, ratios: to === undefined ? ratios : [...ratios, toGrowth(growth)] };
  },
};
