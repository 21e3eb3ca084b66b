// npm run bench: what the library takes, beside what it is built on and what is used instead, in the same run.
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { comparisons } from './comparisons/index.js';
import { describeEnvironment } from './environment.js';
import { saveResult } from './report/files.js';
import { renderTable } from './report/table.js';
import { chooseScale } from './scale.js';
import { startServer } from './server.js';

const NAMES = comparisons.map(({ name }) => name);

await new Command('bench')
  .description('Measures the library beside its floors and its peers. A full run updates bench/results.md.')
  .addArgument(new Argument('[name...]', 'comparisons to run; all by default').choices(NAMES))
  .option('--list', 'say which comparisons there are')
  .option('--quick', 'small sizes, few rounds: whether all works, not how fast; writes no files')
  .addOption(new Option('--limit <rules>', 'no size above this one; writes no files').argParser(parseLimit))
  .action(run)
  .parseAsync();

async function run(names, { list, quick, limit }) {
  if (list) return printList();
  const scale = chooseScale({ quick, limit });
  const server = await startServer();
  try {
    const environment = await describeEnvironment(server.version);
    for (const comparison of comparisons) {
      if (names.length > 0 && !names.includes(comparison.name)) continue;
      // The others are worth having all the same.
      await runOne(comparison, { server, scale, environment }).catch(reportFailure);
    }
  } finally {
    await server.stop();
  }
}

async function runOne(comparison, { server, scale, environment }) {
  const { name, title, about, remarks, chart, counted, run: compare } = comparison;
  const progress = (what) => process.stderr.write(`${name}: ${what}\n`);
  const { rows, ratios } = await compare({ server, scale, progress }).catch((cause) => {
    throw new Error(`The comparison "${name}" failed.`, { cause });
  });
  const result = {
    name,
    title,
    about,
    chart,
    counted,
    date: new Date().toISOString().slice(0, 10),
    environment,
    rows,
    ratios,
    remarks,
  };
  console.log(renderTable(result, { withAims: scale.full }));
  if (scale.full) await saveResult(result, NAMES);
}

function reportFailure(error) {
  console.error(error);
  process.exitCode = 1;
}

function printList() {
  for (const { name, title } of comparisons) console.log(`${name.padEnd(16)} ${title}`);
}

function parseLimit(text) {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 100) throw new InvalidArgumentError('Give a number from 100 on.');
  return limit;
}
