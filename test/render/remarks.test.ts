import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { listErrorRemarks } from '../../src/cli/print-remarks.ts';
import { BootstrapError, InvalidOptionsError, VerificationError } from '../../src/errors.ts';
import { type Remark, readPlace } from '../../src/render/remark.ts';
import { renderAnnotations, renderCompact, renderJunit, toSarif } from '../../src/render/remark-formats.ts';
import { verification } from './reports.fixture.ts';

const REMARKS: readonly Remark[] = [
  {
    level: 'error',
    code: 'ROLE_UNDEFINED',
    at: 'dir a/policy.yaml:3:5',
    message: '100 %\n  of it',
    details: 'more\nof it',
  },
  { level: 'error', code: 'OPTION_INVALID', at: 'policy.roles.a', message: 'must be a string' },
  { level: 'warning', code: 'NOTHING_VERIFIED', at: null, message: 'No decision.' },
  { level: 'note', code: 'SEEDER', at: null, subject: 'seeder rbac', message: '3 inserted' },
  { level: 'warning', code: 'INDEX', at: null, subject: 'index', message: 'none' },
  { level: 'pass', code: 'DECISIONS', at: null, subject: 'decisions', message: '45 verified' },
  { level: 'pass', code: 'DECISIONS', at: 'a.yaml:1:1', subject: 'a, b\u001b[2J', message: '' },
];

test.each([
  ['policy.yaml:12:3', { file: 'policy.yaml', line: 12, column: 3 }],
  ['model.conf:11', { file: 'model.conf', line: 11, column: null }],
  ['C:\\a\\policy.json', { file: 'C:\\a\\policy.json', line: null, column: null }],
  ['casbin-bootstrap.config.ts:2:10', { file: 'casbin-bootstrap.config.ts', line: 2, column: 10 }],
  ['src/policy.mjs', { file: 'src/policy.mjs', line: null, column: null }],
  ['HEAD~1:policy.csv:2:1', { file: 'HEAD~1:policy.csv', line: 2, column: 1 }],
  ['models/rbac.ini:7:1', { file: 'models/rbac.ini', line: 7, column: 1 }],
  ['HEAD:model:12', { file: 'HEAD:model', line: 12, column: null }],
  ['policy.roles["org:1"]', { file: null, line: null, column: null }],
  ['policy.roles.user', { file: null, line: null, column: null }],
  [null, { file: null, line: null, column: null }],
])('the place %s is taken apart', (at, parts) => {
  expect(readPlace(at)).toEqual(parts);
});

test('compact is a line for each remark, as compilers print it, which can not change the terminal', () => {
  expect(renderCompact(REMARKS).split('\n')).toEqual([
    'dir a/policy.yaml:3:5: 100 % of it [ROLE_UNDEFINED]',
    'policy.roles.a: must be a string [OPTION_INVALID]',
    'warning: No decision. [NOTHING_VERIFIED]',
    'seeder rbac: 3 inserted',
    'index: warning, none [INDEX]',
    'decisions: ok, 45 verified',
    'a.yaml:1:1: a, b\\u001b[2J: ok',
  ]);
});

test('annotations of GitHub escape characters that would end them, and leave out passed checks', () => {
  expect(renderAnnotations(REMARKS, '').split('\n')).toEqual([
    '::error file=dir a/policy.yaml,line=3,col=5,title=ROLE_UNDEFINED::100 %25%0A  of it%0Amore%0Aof it',
    '::error title=OPTION_INVALID::policy.roles.a: must be a string',
    '::warning title=NOTHING_VERIFIED::No decision.',
    '::notice title=SEEDER::seeder rbac: 3 inserted',
    '::warning title=INDEX::index: none',
  ]);
});

test('annotations of GitHub are one line each, which can not change the terminal', () => {
  const remark: Remark = {
    level: 'warning',
    code: 'DRIFT',
    at: 'a\u001b:b,c.yaml:1:1',
    message: '\u001b[2Jx\r\n::set-env name=A::b\u2028\u0085%0A',
  };
  expect(renderAnnotations([remark], '')).toBe(
    '::warning file=a\\u001b%3Ab%2Cc.yaml,line=1,col=1,title=DRIFT::\\u001b[2Jx\\u000d%0A::set-env name=A::b\\u2028\\u0085%250A',
  );
});

test('annotations of GitHub name a file outside of the repository as it is given', () => {
  const remark: Remark = { level: 'error', code: 'A', at: '../policy.yaml:2', message: 'b' };
  expect(renderAnnotations([remark], '')).toBe('::error file=../policy.yaml,line=2,title=A::b');
});

test('JUnit stays XML, whatever a file, a name and a message have in them', () => {
  const odd = `<a & "b" 'c'>\uD800\uFFFF`;
  const told = '&#60;a &#38; &#34;b&#34; &#39;c&#39;&#62;\uFFFD\\uffff';
  const remark = { level: 'error', code: 'ODD', at: `${odd}.yaml:1`, subject: odd, message: odd } as const;
  expect(
    renderJunit([remark], { name: 'casbin-bootstrap verify', durationMs: 4 }).split('\n').slice(2, -2),
  ).toEqual([
    `  <testsuite name="${told}.yaml" tests="1" failures="1">`,
    `    <testcase classname="${told}.yaml" name="${told}" file="${told}.yaml" line="1">`,
    `      <failure type="ODD" message="${told}">${told}</failure>`,
    '    </testcase>',
  ]);
  const warning = { ...remark, level: 'warning' } as const;
  expect(renderJunit([warning], { name: 'casbin-bootstrap verify', durationMs: 2_500 })).toContain(
    `<system-out>warning: ${told}</system-out>`,
  );
});

test('JUnit has a case for each remark, in the suite of its file, and those with an error fail', () => {
  const xml = renderJunit(REMARKS, { name: 'casbin-bootstrap verify', durationMs: 2_500 });
  expect(xml.split('\n').map((line) => line.trim())).toEqual([
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="casbin-bootstrap" tests="7" failures="2" time="2.500">',
    '<testsuite name="dir a/policy.yaml" tests="1" failures="1">',
    '<testcase classname="dir a/policy.yaml" name="100 %&#10;  of it" file="dir a/policy.yaml" line="3">',
    '<failure type="ROLE_UNDEFINED" message="100 %&#10;  of it">more&#10;of it</failure>',
    '</testcase>',
    '</testsuite>',
    '<testsuite name="casbin-bootstrap verify" tests="5" failures="1">',
    '<testcase classname="casbin-bootstrap verify" name="policy.roles.a: must be a string">',
    '<failure type="OPTION_INVALID" message="must be a string">must be a string</failure>',
    '</testcase>',
    '<testcase classname="casbin-bootstrap verify" name="No decision.">',
    '<system-out>warning: No decision.</system-out>',
    '</testcase>',
    '<testcase classname="casbin-bootstrap verify" name="seeder rbac">',
    '<system-out>3 inserted</system-out>',
    '</testcase>',
    '<testcase classname="casbin-bootstrap verify" name="index">',
    '<system-out>warning: none</system-out>',
    '</testcase>',
    '<testcase classname="casbin-bootstrap verify" name="decisions"/>',
    '</testsuite>',
    '<testsuite name="a.yaml" tests="1" failures="0">',
    '<testcase classname="a.yaml" name="a, b\\u001b[2J" file="a.yaml" line="1"/>',
    '</testsuite>',
    '</testsuites>',
  ]);
});

test('SARIF has a result for each remark that is about something wrong, with its place', () => {
  expect(toSarif(REMARKS, '1.2.3', 'project.yaml', '')).toMatchObject({
    $schema: expect.stringMatching(/^https:.*sarif-2\.1\.0\.json$/),
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'casbin-bootstrap',
            version: '1.2.3',
            informationUri: expect.stringMatching(/^https:/),
            rules: ['ROLE_UNDEFINED', 'OPTION_INVALID', 'NOTHING_VERIFIED', 'SEEDER', 'INDEX'].map((id) => ({
              id,
              helpUri: expect.stringMatching(/^https:.*#formats$/),
            })),
          },
        },
        results: [
          {
            ruleId: 'ROLE_UNDEFINED',
            level: 'error',
            message: { text: '100 %\n  of it\nmore\nof it' },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: 'dir%20a/policy.yaml' },
                  region: { startLine: 3, startColumn: 5 },
                },
              },
            ],
          },
          {
            level: 'error',
            message: { text: 'policy.roles.a: must be a string' },
            locations: [{ physicalLocation: { artifactLocation: { uri: 'project.yaml' } } }],
          },
          { level: 'warning', locations: [{}] },
          { level: 'note', message: { text: 'seeder rbac: 3 inserted' }, locations: [{}] },
          { level: 'warning', locations: [{}] },
        ],
      },
    ],
  });
});

test('SARIF has a rule once, as its schema requires, for all results of it', () => {
  const remark: Remark = { level: 'error', code: 'ROLE_UNDEFINED', at: 'policy.yaml:1', message: 'm' };
  expect(toSarif([remark, remark], '1', 'project.yaml', '')).toMatchObject({
    runs: [{ tool: { driver: { rules: [{ id: 'ROLE_UNDEFINED' }] } }, results: { length: 2 } }],
  });
});

test('an error is a remark for each of its problems or findings, or one', async () => {
  const problem = { code: 'ROLE_UNDEFINED', at: 'policy.yaml:1:2', message: 'it is not there' } as const;
  expect(await listErrorRemarks(new InvalidOptionsError([problem]))).toEqual([
    { level: 'error', ...problem },
  ]);
  const report = verification({ ok: false });
  expect(await listErrorRemarks(new VerificationError('no', report))).toEqual([]);
  expect(await listErrorRemarks(new BootstrapError('CONFLICT', 'it changed'))).toEqual([
    { level: 'error', code: 'CONFLICT', at: null, message: 'it changed' },
  ]);
  expect(await listErrorRemarks('lost')).toEqual([
    { level: 'error', code: 'UNEXPECTED', at: null, message: 'lost' },
  ]);
});

test('SARIF names files from the working directory on, and others by their URL', () => {
  const uriOf = (at: string) => {
    const remark: Remark = { level: 'error', code: 'ROLE_UNDEFINED', at, message: 'm' };
    const { runs } = toSarif([remark], '1', 'project.yaml', '') as {
      runs: { results: { locations: unknown[] }[] }[];
    };
    return runs[0]?.results[0]?.locations[0];
  };
  const artifact = (uri: string) => ({ physicalLocation: { artifactLocation: { uri } } });
  expect(uriOf(join(process.cwd(), 'a b', 'policy.yaml'))).toEqual(artifact('a%20b/policy.yaml'));
  expect(uriOf('policy.yaml:3'), 'a line without a column').toEqual({
    physicalLocation: { artifactLocation: { uri: 'policy.yaml' }, region: { startLine: 3 } },
  });
  expect(uriOf('a#1/what?.yaml')).toEqual(artifact('a%231/what%3F.yaml'));
  expect(uriOf('100%/..policy.yaml')).toEqual(artifact('100%25/..policy.yaml'));
  expect(uriOf('..policy.yaml')).toEqual(artifact('..policy.yaml'));
  expect(uriOf('../policy.yaml')).toEqual(artifact(pathToFileURL('../policy.yaml').href));
});
