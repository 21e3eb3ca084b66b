import './register.ts';

export { type PolicyTestOptions, policyTests } from './policy-tests.ts';
export type { Register, RequestArguments } from './register.ts';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
