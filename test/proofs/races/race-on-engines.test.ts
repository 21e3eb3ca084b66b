import { expect, test } from 'vitest';
import { COMPLETE, readAll, SIMULATED, simulate } from '../../engines/engines.fixture.ts';
import { runProcesses } from '../../support/processes.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const BOOTSTRAP = new URL('./children/bootstrap.mjs', import.meta.url);

test.for(SIMULATED)(
  'on %s, 16 processes bootstrap an empty database at once, and all succeed',
  {
    timeout: PATIENCE_MS,
  },
  async (name) => {
    await using simulation = await simulate(name);
    const { database, engine } = simulation;

    const results = await runProcesses(16, BOOTSTRAP, {
      args: ['casbin_rule'],
      env: { DATABASE_URL: engine.url },
    });

    expect(results.filter(({ code }) => code !== 0).map(({ stderr }) => stderr)).toEqual([]);
    const inserted = results.map(({ stdout }) => Number(JSON.parse(stdout).inserted));
    expect(inserted.toSorted((one, other) => other - one)).toEqual([19, ...Array(15).fill(0)]);
    expect(await readAll(database)).toEqual(COMPLETE);
  },
);
