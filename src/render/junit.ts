import { addTo } from '../collections.ts';
import { type Remark, readPlace, tellRemark } from './remark.ts';

interface JunitRun {
  /** The command: the suite of what is about no file. */
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
  const file = readPlace(at).file === null ? '' : ` file="${escapeXml(at ?? '')}"`;
  const name = escapeXml(subject ?? tellRemark(remark));
  const opening = `    <testcase classname="${escapeXml(suite)}" name="${name}"${file}`;
  if (level === 'error') {
    const failure = `<failure type="${code}" message="${escapeXml(message)}">${escapeXml(details ?? message)}</failure>`;
    return `${opening}>\n      ${failure}\n    </testcase>`;
  }
  if (level === 'pass') return `${opening}/>`;
  const text = escapeXml(level === 'warning' ? `warning: ${message}` : message);
  return `${opening}>\n      <system-out>${text}</system-out>\n    </testcase>`;
}

/** XML has no way to write most control characters, so they are shown as JSON shows them. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, (control) => {
      if (control === '\n') return '&#10;';
      return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
}
