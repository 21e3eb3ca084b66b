import { defineConfig } from 'vitest/config';

/** For each folder of src/ that is mutated, the tests that are about it: all of them for each fault would take days. */
const TESTS: Readonly<Record<string, readonly string[]>> = {
  policy: ['test/policy/**/*.test.ts', 'test/refusals/{policy,options}.test.ts'],
  // Without those that compare large tables read in part and as a whole, which take seconds.
  verification: [
    'test/verification/!(report-on-part|scope).test.ts',
    'test/proofs/property/*.test.ts',
    'test/options/promises.test.ts',
    'test/refusals/{model,model-definitions}.test.ts',
  ],
  casbin: ['test/casbin/*.test.ts', 'test/refusals/{model,model-definitions}.test.ts'],
  tables: ['test/tables/!(adapter-save-many).test.ts'],
  database: ['test/database/**/*.test.ts', 'test/refusals/{privileges,row-level-security}.test.ts'],
};

export default defineConfig({
  test: {
    include: [...(TESTS[process.env.MUTATE ?? ''] ?? new Set(Object.values(TESTS).flat()))],
    globalSetup: ['test/support/server-setup.ts'],
    setupFiles: ['test/support/mutation-run.ts'],
    // One worker for all files of a run: to load the library for each costs more than the tests.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
