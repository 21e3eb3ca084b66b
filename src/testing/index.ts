import './matchers.ts';

export type { Register, RequestArguments } from './matchers.ts';
export { type PolicyTestOptions, policyTests } from './policy-tests.ts';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
