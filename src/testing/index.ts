/**
 * What an application's own tests import, whatever runs them: assertions, the tests of a policy, and a database in
 * memory. What belongs to a runner is in `casbin-bootstrap/testing/vitest`, `/jest` and `/node`.
 *
 * @module casbin-bootstrap/testing
 */

export type { Register } from '../policy/register.ts';
export { assertAllowed, assertDenied } from './assertions.ts';
export type { EnforcerSource } from './enforcer-source.ts';
export {
  collectPolicyTests,
  type PolicyTest,
  type PolicyTestOptions,
  type PolicyTestPlan,
} from './policy-tests.ts';
export type { RegisteredSubject, RequestArguments } from './request-arguments.ts';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
