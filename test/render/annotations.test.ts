import { expect, test } from 'vitest';
import { readPlace, renderAnnotations } from '../../src/render/github.ts';
import { annotateLint } from '../../src/render/lint.ts';
import { toSarif } from '../../src/render/sarif.ts';

const REPORT = {
  ok: false,
  problems: [
    { code: 'ROLE_UNDEFINED', at: 'dir a/policy.yaml:3:5', message: '100 %\nof it' },
    { code: 'OPTION_INVALID', at: 'policy.roles.a', message: 'must be a string' },
  ],
  warnings: [{ code: 'NOTHING_VERIFIED', count: 0, rules: [], message: 'No decision.' }],
  coverage: null,
} as const;

test.each([
  ['policy.yaml:12:3', { file: 'policy.yaml', line: 12, column: 3 }],
  ['model.conf:11', { file: 'model.conf', line: 11, column: null }],
  ['C:\\a\\policy.json', { file: 'C:\\a\\policy.json', line: null, column: null }],
  ['HEAD~1:policy.csv:2:1', { file: 'HEAD~1:policy.csv', line: 2, column: 1 }],
  ['policy.roles.user', { file: null, line: null, column: null }],
])('the place %s is taken apart', (at, parts) => {
  expect(readPlace(at)).toEqual(parts);
});

test('annotations of GitHub escape what would end them', () => {
  expect(renderAnnotations(annotateLint(REPORT))).toBe(
    [
      '::error file=dir a/policy.yaml,line=3,col=5,title=ROLE_UNDEFINED::100 %25%0Aof it',
      '::error title=OPTION_INVALID::policy.roles.a: must be a string',
      '::warning title=NOTHING_VERIFIED::policy: No decision.',
    ].join('\n'),
  );
});

test('SARIF has a result for each problem and warning, with its place', () => {
  expect(toSarif(REPORT, '1.2.3')).toMatchObject({
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'casbin-bootstrap',
            version: '1.2.3',
            rules: [{ id: 'ROLE_UNDEFINED' }, { id: 'OPTION_INVALID' }, { id: 'NOTHING_VERIFIED' }],
          },
        },
        results: [
          {
            ruleId: 'ROLE_UNDEFINED',
            level: 'error',
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: 'dir%20a/policy.yaml' },
                  region: { startLine: 3, startColumn: 5 },
                },
              },
            ],
          },
          { level: 'error', message: { text: 'policy.roles.a: must be a string' }, locations: [] },
          { level: 'warning', locations: [] },
        ],
      },
    ],
  });
});
