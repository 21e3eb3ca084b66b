/**
 * For tests with Jest: importing it adds the matchers `toAllow` and `toDeny`.
 *
 * @module casbin-bootstrap/testing/jest
 */

import { describe, expect, test } from '@jest/globals';
import type { BootstrapOptions } from '../options.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import type { RequestArguments } from './ask-enforcer.ts';
import { toAllow, toDeny } from './matchers.ts';
import { collectPolicyTests, type PolicyTestOptions } from './policy-tests.ts';

interface AsynchronousMatchers {
  /** The enforcer allows the request; if not, the message explains why. */
  toAllow(...request: RequestArguments): Promise<void>;
  /** The enforcer denies the request; if not, the message explains why. */
  toDeny(...request: RequestArguments): Promise<void>;
}

/** The `expect` of `@jest/globals`. */
declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T> extends AsynchronousMatchers {}
}

/** The global `expect`, by `@types/jest`. */
declare global {
  namespace jest {
    interface Matchers<R, T> extends AsynchronousMatchers {}
  }
}

expect.extend({ toAllow, toDeny });

export type { PolicyTestOptions } from './policy-tests.ts';

/**
 * Registers one test for all expectations of a policy, because Jest must know all tests at once: every
 * subject × every permission, then the requests of `samples`, `allow`, `deny` and `never`; without a target, only those
 * of the last three. If it fails, it lists and explains each expectation that does not hold. In an ES module,
 * `collectPolicyTests` gives a test for each.
 *
 * A definition or a model that can't be used makes the test fail, with every problem; so does a definition that
 * has nothing to test.
 *
 * @param definition a definition, or the path of a file with one
 * @param options may be the options of the bootstrap; it takes its own from them
 */
export function policyTests(
  definition: PolicyDefinition | string,
  options: PolicyTestOptions & BootstrapOptions = {},
): void {
  describe('policy', () => {
    test('every request is decided as defined', async () => {
      const { tests, prepare } = await collectPolicyTests(definition, options);
      await prepare();
      const failures: string[] = [];
      for (const { group, name, run } of tests) {
        await run().catch((error: unknown) => {
          failures.push(`${group} › ${name}\n${indent(messageOf(error))}`);
        });
      }
      if (failures.length > 0) throw new Error(describeFailures(failures, tests.length));
    });
  });
}

function describeFailures(failures: readonly string[], total: number): string {
  return `${failures.length} of ${total} requests are not decided as defined:\n\n${failures.join('\n\n')}`;
}

/** Not by instanceof: in Jest, errors of Node's own modules have another class Error. */
function messageOf(error: unknown): string {
  return String(Object(error).message ?? error);
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '  ');
}
