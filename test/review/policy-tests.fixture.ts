import { definePolicy, type PolicyTestFilter, testPolicy } from '../../src/index.ts';
import { writeTemporary } from '../policy/temporary-file.ts';

export const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

export const TESTS = `
given:
  - [g, bob, viewer]
allow:
  - [bob, invoices, read]
tests:
  - name: clerks write
    given:
      - [g, alice, clerk]
    allow:
      - [alice, invoices, write]
    deny:
      - [bob, invoices, write]
  - name: nobody else <&"
    allow:
      - [alice, invoices, write]
`;

/** Decides the tests in `text` on the policy of two roles. */
export async function testText(text: string, filter: PolicyTestFilter = {}) {
  const path = await writeTemporary('policy.test.yaml', text);
  const report = await testPolicy([path], { policy: POLICY }, filter);
  return { path, report };
}
