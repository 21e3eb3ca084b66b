/**
 * For tests with `node:test`, which has no matchers: assertions are in `casbin-bootstrap/testing`.
 *
 * @module casbin-bootstrap/testing/node
 */

import { before, describe, test } from 'node:test';
import type { BootstrapOptions } from '../options.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { type PolicyTestOptions, registerPolicyTests } from './policy-tests.ts';

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
  registerPolicyTests({ describe, test, beforeAll: before }, definition, options);
}
