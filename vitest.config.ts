import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests that need no server and no build; every other one belongs to the project `server`. */
const FAST = [
  'test/*.test.ts',
  'test/{policy,proofs/property,render}/*.test.ts',
  'test/bootstrap/retry.test.ts',
  'test/casbin/{matcher,rule-row,scope}.test.ts',
  'test/cli/{describe-error,redact}.test.ts',
  'test/database/{sqlstates,transaction-control}.test.ts',
  'test/embedded/{directory-lock,optional-import}.test.ts',
  'test/options/promises.test.ts',
  'test/progress/{reporter,steps}.test.ts',
  'test/testing/{explanations,matchers}.test.ts',
  'test/verification/{cause,coverage,drift,expectations,integrity,matrix-of-models,promises,slice-hazards,warnings}.test.ts',
];

export default defineConfig({
  test: {
    // a worker waits for the server most of the time
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'fast', include: FAST } },
      {
        extends: true,
        test: {
          name: 'server',
          include: ['test/**/*.test.ts'],
          exclude: FAST,
          globalSetup: ['test/support/server-setup.ts', 'test/support/build-setup.ts'],
        },
      },
    ],
  },
});
