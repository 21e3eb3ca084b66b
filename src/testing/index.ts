/**
 * For an application's own tests, with any runner: assertions, the tests of a policy, and a database in memory. Each
 * runner has an entry of its own: `casbin-bootstrap/testing/vitest`, `/jest` and `/node`.
 *
 * @module casbin-bootstrap/testing
 */

export type { Register } from '../policy/definition.ts';
export type { EnforcerSource, RegisteredSubject, RequestArguments } from './ask-enforcer.ts';
export { assertAllowed, assertDenied } from './assertions.ts';
export {
  collectPolicyTests,
  type PolicyTest,
  type PolicyTestOptions,
  type PolicyTestPlan,
} from './policy-tests.ts';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
