// What a full run leaves behind: results.json, and results.md and the charts made from it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { renderChart } from './charts.js';
import { renderMarkdown } from './markdown.js';

const HOME = new URL('../', import.meta.url);
const RESULTS = new URL('results.json', HOME);

/** Puts one comparison's result in the place of its last one; `order` names all there are. */
export async function saveResult(result, order) {
  const known = { ...(await readResults()), [result.name]: result };
  const results = Object.fromEntries(
    order.filter((name) => name in known).map((name) => [name, known[name]]),
  );
  await mkdir(new URL('charts/', HOME), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(new URL('results.md', HOME), renderMarkdown(Object.values(results)));
  await writeFile(new URL(`charts/${result.name}.svg`, HOME), renderChart(result));
}

async function readResults() {
  try {
    return JSON.parse(await readFile(RESULTS, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}
