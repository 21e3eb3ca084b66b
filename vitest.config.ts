import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { NODE_FLAGS } from './test/support/node-flags.ts';

/** Tests that need no server and no build; every other one belongs to the project `server`. */
const FAST = [
  'test/*.test.ts',
  'test/{policy,proofs/property,render}/*.test.ts',
  'test/{express,fastify}/*.test.ts',
  'test/http/access-check.test.ts',
  'test/bootstrap/retry.test.ts',
  'test/casbin/{enforcer,matcher,model,model-lint,model-text,role-calls,rule-row,rule-usability,scope}.test.ts',
  'test/cli/{config-file,connection,describe-error,exit-code,redact}.test.ts',
  'test/database/{sqlstates,transaction-control}.test.ts',
  'test/embedded/{directory-lock,optional-import}.test.ts',
  'test/options/{promises,running-shape}.test.ts',
  'test/page/*.test.ts',
  'test/progress/{reporter,steps}.test.ts',
  'test/review/{lint-examples,lint-policy,test-policy}.test.ts',
  'test/tables/storable.test.ts',
  'test/testing/{collect-policy-tests,explanations,matchers}.test.ts',
  'test/verification/{cause,compare-policies,coverage,drift,drift-by-model,expectations,explain,hash-collisions,holders}.test.ts',
  'test/verification/{integrity,listed-requests,matrix,matrix-of-models,misspelt-names,model-parts}.test.ts',
  'test/verification/{part-of-policy,promises}.test.ts',
  'test/verification/{row-order-causes,rule-index,same-decisions,slice-hazards,unmatched-requests,warnings}.test.ts',
  'test/verification/{structure,user-links,warning-texts,whole-reports}.test.ts',
];

/** The files that take longest, few of them the largest. Begun last, one would leave the other workers idle. */
const LONGEST = [
  'package/package.test.ts',
  'proofs/mutation/mutation.test.ts',
  'cli/seed.test.ts',
  'refusals/stalls.test.ts',
  'engines/simulated.test.ts',
  'embedded/data-directory.test.ts',
  'tables/load.test.ts',
  'embedded/snapshot.test.ts',
  'running/follow-journal.test.ts',
  'proofs/races/race.test.ts',
  'proofs/races/live.test.ts',
  'support/support.test.ts',
  'testing/example.test.ts',
  'examples/policy-in-ci.test.ts',
  'proofs/races/race-without-locks.test.ts',
  'scaling/pgbouncer.test.ts',
  'page/browser/accessibility.test.ts',
  'engines/portions.test.ts',
  'page/browser/explorer.test.ts',
  'bootstrap/many-rules.test.ts',
  'package/imports.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}`));
      return index === -1 ? LONGEST.length : index;
    };
    // A worker that gets a file of another project is replaced.
    const project = ({ project: { name } }: TestSpecification) => name;
    return (await super.sort(files)).toSorted(
      (one, other) => project(one).localeCompare(project(other)) || place(one) - place(other),
    );
  }
}

export default defineConfig({
  test: {
    // a worker waits for the server most of the time
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    execArgv: [...NODE_FLAGS],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // what is waited for comes late on a busy machine
    expect: { poll: { timeout: 30_000 } },
    projects: [
      // not isolated: to load casbin and kysely takes longer than most files
      { extends: true, test: { name: 'fast', include: FAST, isolate: false } },
      {
        extends: true,
        test: {
          name: 'server',
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: FAST,
          globalSetup: ['test/support/server-setup.ts', 'test/support/build-setup.ts'],
        },
      },
    ],
  },
});
