import type { LintReport } from '../lint-policy.ts';
import { readPlace } from './github.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const HELP = 'https://github.com/casbin-bootstrap/casbin-bootstrap/blob/main/docs/errors.md';

/** Writes what is wrong with a policy as SARIF 2.1.0, which code scanning reads. */
export function toSarif({ problems, warnings }: LintReport, version: string): object {
  const results = [
    ...problems.map(({ code, at, message }) => toResult(code, 'error', at, message)),
    ...warnings.map(({ code, message }) => toResult(code, 'warning', 'policy', message)),
  ];
  const rules = [...new Set(results.map(({ ruleId }) => ruleId))].map((id) => ({ id, helpUri: HELP }));
  const driver = { name: 'casbin-bootstrap', version, informationUri: HELP, rules };
  return { $schema: SCHEMA, version: '2.1.0', runs: [{ tool: { driver }, results }] };
}

function toResult(ruleId: string, level: 'error' | 'warning', at: string, message: string) {
  const { file, line, column } = readPlace(at);
  const text = file === null ? `${at}: ${message}` : message;
  const region = line === null ? {} : { region: { startLine: line, ...(column && { startColumn: column }) } };
  const artifactLocation = { uri: encodeURI((file ?? '').replaceAll('\\', '/')) };
  const locations = file === null ? [] : [{ physicalLocation: { artifactLocation, ...region } }];
  return { ruleId, level, message: { text }, locations };
}
