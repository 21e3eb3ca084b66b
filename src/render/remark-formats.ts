import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addTo } from '../collections.ts';
import { escapeCharacter, escapeControls } from '../text.ts';
import { type Remark, readPlace, tellRemark } from './remark.ts';

/**
 * Renders remarks as compilers print them, each in a line that begins with its place: for grep and editors. No line
 * break at the end.
 */
export function renderCompact(remarks: readonly Remark[]): string {
  return remarks.map(renderLine).join('\n');
}

function renderLine(remark: Remark): string {
  const { at, subject, level, code } = remark;
  const told = describeLevel(remark);
  const parts = [at, subject, told].filter(Boolean).join(': ');
  const line = escapeControls(parts.replaceAll(/\s*\n\s*/g, ' '));
  return level === 'error' || level === 'warning' ? `${line} [${code}]` : line;
}

/** A remark with a subject is described by its outcome, one without by its message. */
function describeLevel({ level, subject, message }: Remark): string {
  const words = { pass: 'ok', error: 'failed', warning: 'warning', note: '' } as const;
  if (subject === undefined) return level === 'warning' ? `warning: ${message}` : message;
  return [words[level], message].filter(Boolean).join(', ');
}

const COMMANDS = { error: 'error', warning: 'warning', note: 'notice' } as const;

/**
 * Renders remarks as workflow commands of GitHub Actions, which shows them beside the lines that they are about.
 *
 * @param root the folder of the repository, from which GitHub reads paths
 */
export function renderAnnotations(remarks: readonly Remark[], root: string): string {
  return remarks.flatMap((remark) => renderAnnotation(remark, root)).join('\n');
}

function renderAnnotation(remark: Remark, root: string): string[] {
  const { level, at, code, details } = remark;
  if (level === 'pass') return [];
  const { file, line, column } = readPlace(at);
  const properties = [
    ...(file === null ? [] : [`file=${escapeProperty(pathFrom(root, file) ?? file)}`]),
    ...(line === null ? [] : [`line=${line}`]),
    ...(column === null ? [] : [`col=${column}`]),
    `title=${escapeProperty(code)}`,
  ];
  const told = details === undefined ? tellRemark(remark) : `${tellRemark(remark)}\n${details}`;
  return [`::${COMMANDS[level]} ${properties.join(',')}::${escapeData(told)}`];
}

/** Other control characters are made visible, because the log shows them as a terminal does. */
function escapeData(text: string): string {
  return text.split('\n').map(escapeControls).join('\n').replaceAll('%', '%25').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

interface JunitRun {
  /** The command: the name of the suite for remarks that are about no file. */
  readonly name: string;
  /** How long it took. */
  readonly durationMs: number;
}

/** Renders remarks as JUnit XML: a suite for each file, a case for each remark, of which those with an error fail. */
export function renderJunit(remarks: readonly Remark[], { name, durationMs }: JunitRun): string {
  const suites = new Map<string, Remark[]>();
  for (const remark of remarks) addTo(suites, readPlace(remark.at).file ?? name, remark);
  const seconds = (durationMs / 1000).toFixed(3);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="casbin-bootstrap" ${counts(remarks)} time="${seconds}">`,
    ...[...suites].map(([suite, some]) => renderSuite(suite, some)),
    '</testsuites>',
  ].join('\n');
}

function renderSuite(name: string, remarks: readonly Remark[]): string {
  return [
    `  <testsuite name="${escapeXml(name)}" ${counts(remarks)}>`,
    ...remarks.map((remark) => renderCase(name, remark)),
    '  </testsuite>',
  ].join('\n');
}

function counts(remarks: readonly Remark[]): string {
  return `tests="${remarks.length}" failures="${remarks.filter(({ level }) => level === 'error').length}"`;
}

function renderCase(suite: string, remark: Remark): string {
  const { level, at, code, subject, message, details } = remark;
  const { file, line } = readPlace(at);
  const place = [
    ...(file === null ? [] : [` file="${escapeXml(file)}"`]),
    ...(line === null ? [] : [` line="${line}"`]),
  ].join('');
  const name = escapeXml(subject ?? tellRemark(remark));
  const opening = `    <testcase classname="${escapeXml(suite)}" name="${name}"${place}`;
  if (level === 'error') {
    const failure = `<failure type="${code}" message="${escapeXml(message)}">${escapeXml(details ?? message)}</failure>`;
    return `${opening}>\n      ${failure}\n    </testcase>`;
  }
  if (level === 'pass') return `${opening}/>`;
  const text = escapeXml(level === 'warning' ? `warning: ${message}` : message);
  return `${opening}>\n      <system-out>${text}</system-out>\n    </testcase>`;
}

/** XML can't contain most control characters, so they are written as in JSON. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, (control) => (control === '\n' ? '&#10;' : escapeCharacter(control)));
}

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const HELP = 'https://github.com/casbin-bootstrap/casbin-bootstrap/blob/main/docs/cli.md#formats';

/**
 * Writes remarks as SARIF 2.1.0, which code scanning reads. It leaves out checks that passed.
 *
 * @param project the file where remarks without one are shown, because GitHub refuses a log with a result in no file
 * @param root the folder of the repository, from which code scanning reads paths
 */
export function toSarif(remarks: readonly Remark[], version: string, project: string, root: string): object {
  const results = remarks
    .filter(({ level }) => level !== 'pass')
    .map((remark) => toResult(remark, project, root));
  const rules = [...new Set(results.map(({ ruleId }) => ruleId))].map((id) => ({ id, helpUri: HELP }));
  const driver = { name: 'casbin-bootstrap', version, informationUri: HELP, rules };
  return { $schema: SCHEMA, version: '2.1.0', runs: [{ tool: { driver }, results }] };
}

function toResult(remark: Remark, project: string, root: string) {
  const { code, level, at, details } = remark;
  const { file, line, column } = readPlace(at);
  const text = details === undefined ? tellRemark(remark) : `${tellRemark(remark)}\n${details}`;
  const region = line === null ? {} : { region: { startLine: line, ...(column && { startColumn: column }) } };
  const physicalLocation = { artifactLocation: { uri: toUri(file ?? project, root) }, ...region };
  return { ruleId: code, level, message: { text }, locations: [{ physicalLocation }] };
}

/** A path in the repository; a URL of its own for a file elsewhere. */
function toUri(file: string, root: string): string {
  const path = pathFrom(root, file);
  return path === null ? pathToFileURL(file).href : path.split('/').map(encodeURIComponent).join('/');
}

/** The path from a folder to a file in it, with slashes on every system; null for a file elsewhere. */
function pathFrom(folder: string, file: string): string | null {
  const steps = relative(folder, resolve(file)).split(sep);
  return steps[0] === '..' || isAbsolute(steps.join(sep)) ? null : steps.join('/');
}
