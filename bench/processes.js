// Several processes at once: the same barrier as in the tests, compiled by bench/tsconfig.json.
const { runProcesses } = await import(new URL('../.data/bench/processes.js', import.meta.url));

/** Runs a script of children/ in so many processes at once; returns what those that succeeded have printed. */
export async function runTogether(count, script, env) {
  const url = new URL(`children/${script}`, import.meta.url);
  const results = await runProcesses(count, url, { env });
  const failure = results.find(({ code }) => code !== 0)?.stderr ?? null;
  const reports = results.filter(({ code }) => code === 0).map(({ stdout }) => JSON.parse(stdout));
  return { reports, failure };
}

/** From the first that began to the last that was done. */
export function wallTime(reports) {
  return Math.max(...reports.map(({ to }) => to)) - Math.min(...reports.map(({ from }) => from));
}
