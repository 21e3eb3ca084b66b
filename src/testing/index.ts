/**
 * What an application's own tests import: matchers of Vitest, tests of a policy, and a database in memory.
 *
 * @module casbin-bootstrap/testing
 */

import './matchers.ts';

export type { EnforcerSource } from './enforcer-source.ts';
export type { Register, RegisteredSubject, RequestArguments } from './matchers.ts';
export { type PolicyTestOptions, policyTests } from './policy-tests.ts';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
