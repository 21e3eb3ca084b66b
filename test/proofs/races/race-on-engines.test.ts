import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMPLETE, readAll, SIMULATED, simulate } from '../../engines/engines.fixture.ts';
import { type Processes, startProcesses } from '../../support/processes.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const BOOTSTRAP = new URL('./children/bootstrap.mjs', import.meta.url);

let processes: Processes;
beforeAll(() => {
  processes = startProcesses(16, BOOTSTRAP);
});
afterAll(() => processes[Symbol.asyncDispose]());

test.for(SIMULATED)(
  'on %s, 16 processes bootstrap an empty database at once, and all succeed',
  {
    timeout: PATIENCE_MS,
  },
  async (name) => {
    await using simulation = await simulate(name);
    const { database, engine } = simulation;

    const reports = await processes.round<{ inserted: number }>({ url: engine.url, table: 'casbin_rule' });

    const inserted = reports.map((report) => report.inserted);
    expect(inserted.toSorted((one, other) => other - one)).toEqual([19, ...Array(15).fill(0)]);
    expect(await readAll(database)).toEqual(COMPLETE);
  },
);
