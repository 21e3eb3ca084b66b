/**
 * For tests with Vitest: importing it adds the matchers `toAllow` and `toDeny`.
 *
 * @module casbin-bootstrap/testing/vitest
 */

import { beforeAll, describe, expect, test } from 'vitest';
import type { BootstrapOptions } from '../options.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import type { RequestArguments } from './ask-enforcer.ts';
import { toAllow, toDeny } from './matchers.ts';
import { type PolicyTestOptions, registerPolicyTests } from './policy-tests.ts';

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: Vitest declares it so, and merged declarations must be the same
  interface Matchers<T = any> {
    /** The enforcer allows the request; if not, the message explains why. */
    toAllow(...request: RequestArguments): Promise<void>;
    /** The enforcer denies the request; if not, the message explains why. */
    toDeny(...request: RequestArguments): Promise<void>;
  }
}

expect.extend({ toAllow, toDeny });

export type { PolicyTestOptions } from './policy-tests.ts';

/**
 * Registers one test for each expectation of a policy: every subject × every permission, then the requests of
 * `samples`, `allow`, `deny` and `never`; without a target, only those of the last three. Call it where you can call
 * `describe`.
 *
 * A definition or a model that can't be used makes the file fail, with every problem; so does a definition that
 * has nothing to test.
 *
 * @param definition a definition, or the path of a file with one
 * @param options may be the options of the bootstrap; it takes its own from them
 */
export function policyTests(
  definition: PolicyDefinition | string,
  options: PolicyTestOptions & BootstrapOptions = {},
): void {
  registerPolicyTests({ describe, test, beforeAll }, definition, options);
}
