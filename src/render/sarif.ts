import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Remark, readPlace, tellRemark } from './remark.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const HELP = 'https://github.com/casbin-bootstrap/casbin-bootstrap/blob/main/docs/cli.md#formats';

/** Writes remarks as SARIF 2.1.0, which code scanning reads. What is right is not in it. */
export function toSarif(remarks: readonly Remark[], version: string): object {
  const results = remarks.filter(({ level }) => level !== 'pass').map(toResult);
  const rules = [...new Set(results.map(({ ruleId }) => ruleId))].map((id) => ({ id, helpUri: HELP }));
  const driver = { name: 'casbin-bootstrap', version, informationUri: HELP, rules };
  return { $schema: SCHEMA, version: '2.1.0', runs: [{ tool: { driver }, results }] };
}

function toResult(remark: Remark) {
  const { code, level, at, details } = remark;
  const { file, line, column } = readPlace(at);
  const text = details === undefined ? tellRemark(remark) : `${tellRemark(remark)}\n${details}`;
  const region = line === null ? {} : { region: { startLine: line, ...(column && { startColumn: column }) } };
  const locations =
    file === null ? [] : [{ physicalLocation: { artifactLocation: { uri: toUri(file) }, ...region } }];
  return { ruleId: code, level, message: { text }, locations };
}

/** Relative to the working directory, where code scanning looks for it; a URL of its own for a file elsewhere. */
function toUri(file: string): string {
  const path = relative('', file);
  return path.startsWith('..') ? pathToFileURL(file).href : encodeURI(path.replaceAll('\\', '/'));
}
