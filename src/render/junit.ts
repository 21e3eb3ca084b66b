import type { PolicyTestReport, PolicyTestResult } from '../test-policy.ts';
import { describeTest, reasonOfFailure } from './tests.ts';

/** Renders what came of the tests of a policy as JUnit XML, a suite for each file. */
export function renderJunit({ tests, durationMs }: PolicyTestReport): string {
  const files = [...new Set(tests.map(({ file }) => file))];
  const suites = files.map((file) =>
    renderSuite(
      file,
      tests.filter((test) => test.file === file),
    ),
  );
  const seconds = (durationMs / 1000).toFixed(3);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="casbin-bootstrap" ${counts(tests)} time="${seconds}">`,
    ...suites,
    '</testsuites>',
  ].join('\n');
}

function renderSuite(file: string, tests: readonly PolicyTestResult[]): string {
  return [
    `  <testsuite name="${escapeXml(file)}" ${counts(tests)}>`,
    ...tests.map(renderCase),
    '  </testsuite>',
  ].join('\n');
}

function counts(tests: readonly PolicyTestResult[]): string {
  return `tests="${tests.length}" failures="${tests.filter(({ ok }) => !ok).length}"`;
}

function renderCase(test: PolicyTestResult): string {
  const opening = `    <testcase classname="${escapeXml(test.file)}" name="${escapeXml(describeTest(test))}" file="${escapeXml(test.at)}"`;
  if (test.ok) return `${opening}/>`;
  const message = test.explanation?.answer ?? test.error ?? '';
  return `${opening}>\n      <failure message="${escapeXml(message)}">${escapeXml(reasonOfFailure(test))}</failure>\n    </testcase>`;
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
