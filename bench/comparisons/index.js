// In the order in which they are run and shown.
import drift from './drift.js';
import imports from './import.js';
import journal from './journal.js';
import layouts from './layouts.js';
import live from './live.js';
import load from './load.js';
import memory from './memory.js';
import migrations from './migrations.js';
import processes from './processes.js';
import restart from './restart.js';
import restartDefined from './restart-defined.js';
import restartForeign from './restart-foreign.js';
import rows from './rows.js';
import seedCold from './seed-cold.js';
import seedHalf from './seed-half.js';
import tenants from './tenants.js';
import verify from './verify.js';

export const comparisons = [
  seedCold,
  seedHalf,
  tenants,
  rows,
  verify,
  drift,
  restart,
  restartDefined,
  restartForeign,
  load,
  live,
  journal,
  layouts,
  migrations,
  processes,
  memory,
  imports,
];
