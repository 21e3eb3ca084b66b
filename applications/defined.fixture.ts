import { fileURLToPath } from 'node:url';

/** What every test and child process bootstraps with. */
export const OPTIONS = { policy: fileURLToPath(new URL('policy.yaml', import.meta.url)), seeders: [] };

/** The rules of policy.yaml, without the values that they lack. */
export const DEFINED = [
  ['g', 'clerk', 'viewer'],
  ['p', 'auditor', 'ledger', 'read'],
  ['p', 'clerk', 'invoices', 'write'],
  ['p', 'viewer', 'invoices', 'read'],
] as const;

const SUBJECTS = ['viewer', 'clerk', 'auditor', 'alice', 'bob'];
const RESOURCES = ['invoices', 'ledger', 'payroll'];
const ACTIONS = ['read', 'write'];

/** Every request that can be made of the names of the tests. */
export const REQUESTS: readonly (readonly [string, string, string])[] = SUBJECTS.flatMap((subject) =>
  RESOURCES.flatMap((resource) => ACTIONS.map((action) => [subject, resource, action] as const)),
);
