import { relative } from 'node:path';
import { addTo, getOrAdd } from '../collections.ts';
import type { PolicyCoverage, RuleCoverage } from '../review/test-policy.ts';
import { readPlace } from './remark.ts';

/**
 * Writes which rules of a policy its tests depend on as LCOV, which editors and coverage services read: a record for
 * each policy file, and in it the lines that define rules. A line with several rules has a branch for each. Paths are
 * relative to the working directory, as other coverage tools write them. Rules that were not read from a file are left
 * out; if there are no others, the text is empty.
 */
export function coverageToLcov({ rules }: PolicyCoverage): string {
  const files = new Map<string, Map<number, RuleCoverage[]>>();
  for (const rule of rules) {
    const { file, line } = readPlace(rule.at);
    if (file === null || line === null) continue;
    const lines = getOrAdd(files, relative('', file), () => new Map());
    addTo(lines, line, rule);
  }
  return [...files].map(([file, lines]) => writeRecord(file, lines)).join('');
}

function writeRecord(file: string, lines: ReadonlyMap<number, readonly RuleCoverage[]>): string {
  const sorted = [...lines].sort(([one], [other]) => one - other);
  const data = sorted.map(
    ([line, rules]) => [line, rules.reduce((sum, { requests }) => sum + requests, 0)] as const,
  );
  const branches = sorted.flatMap(([line, rules]) =>
    rules.length === 1 ? [] : rules.map(({ requests }, index) => ({ line, index, requests })),
  );
  return [
    'TN:',
    `SF:${file}`,
    ...branches.map(({ line, index, requests }) => `BRDA:${line},0,${index},${requests}`),
    `BRF:${branches.length}`,
    `BRH:${branches.filter(({ requests }) => requests > 0).length}`,
    ...data.map(([line, requests]) => `DA:${line},${requests}`),
    `LF:${data.length}`,
    `LH:${data.filter(([, requests]) => requests > 0).length}`,
    'end_of_record',
    '',
  ].join('\n');
}
