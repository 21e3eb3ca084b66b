import { RATIO_HEAD, ROW_HEAD, ratioCells, rowCells } from './format.js';

/** The whole of results.md, from what results.json holds. */
export function renderMarkdown(results) {
  const environments = [...new Set(results.map(({ environment }) => JSON.stringify(environment)))];
  const several = environments.length > 1;
  return `${[
    '# Results of the bench',
    'Written by `npm run bench`, on a PostgreSQL server of its own. All contenders of a comparison take turns in the same run, several rounds; a ratio is taken in each round, and its median and spread (least … most) are shown. What every contender did is checked after each run. Smaller is faster.',
    ...environments.map((text, n) =>
      renderEnvironment(JSON.parse(text), several ? `Environment ${n + 1}` : null),
    ),
    renderAims(results),
    ...results.map((result) =>
      renderSection(
        result,
        several ? `, environment ${environments.indexOf(JSON.stringify(result.environment)) + 1}` : '',
      ),
    ),
  ].join('\n\n')}\n`;
}

function renderEnvironment({ machine, versions }, name) {
  const list = Object.entries(versions).map(([what, version]) => `${what} ${version}`);
  const machineText = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB of memory`;
  return `${name === null ? '' : `**${name}.** `}${machineText}. ${list.join(', ')}.`;
}

/** Every aim on one screen. */
function renderAims(results) {
  const rows = results.flatMap(({ name, title, ratios }) =>
    ratios
      .filter(({ aim }) => aim !== null)
      .map((ratio) => {
        const [what, value, spread, aim, reached] = ratioCells(ratio);
        return [`[${title}](#${name})`, what, value, spread, aim, reached];
      }),
  );
  return `## Aims\n\n${toTable(['comparison', ...RATIO_HEAD], rows)}`;
}

function renderSection({ name, title, about, counted, date, rows, ratios, remarks }, where) {
  return [
    `## <a id="${name}"></a>${title}`,
    about,
    `![${title}](charts/${name}.svg)`,
    toTable(
      ROW_HEAD,
      rows.map((row) => rowCells(row, counted)),
    ),
    ...(ratios.length > 0 ? [toTable(RATIO_HEAD, ratios.map(ratioCells))] : []),
    ...(remarks === undefined ? [] : [remarks]),
    `\`npm run bench -- ${name}\`, ${date}${where}`,
  ].join('\n\n');
}

function toTable(head, body) {
  const lines = [head, head.map(() => '---'), ...body];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}
