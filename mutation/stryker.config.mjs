// One folder at a time, as MUTATE names it, or all of them, which takes hours.
const folder = process.env.MUTATE ?? 'all';
const folders = folder === 'all' ? ['policy', 'verification', 'casbin', 'tables', 'database'] : [folder];

export default {
  testRunner: 'vitest',
  plugins: [import.meta.resolve('@stryker-mutator/vitest-runner')],
  vitest: { configFile: 'mutation/vitest.config.ts', related: false },
  mutate: folders.map((name) => `src/${name}/**/*.ts`),
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // A test that waits for a server is not slow for being stuck.
  timeoutMS: 15_000,
  incremental: true,
  incrementalFile: `reports/mutation/${folder}.incremental.json`,
  reporters: ['clear-text', 'json', 'html', 'progress-append-only'],
  clearTextReporter: { logTests: false, allowColor: false, reportMutants: false, reportTests: false },
  jsonReporter: { fileName: `reports/mutation/${folder}.json` },
  htmlReporter: { fileName: `reports/mutation/${folder}.html` },
  thresholds: { high: 90, low: 85, break: 85 },
  ignorePatterns: ['/reports', '/bench', '/.data'],
  // None: it would be rewritten by the API of TypeScript, which version 7 does not have.
  tsconfigFile: 'none',
};
