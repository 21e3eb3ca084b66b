import { readFileSync } from 'node:fs';
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import { defaultModelPath, definePolicy } from 'casbin-bootstrap';

export const policy = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
  allow: [['clerk', 'invoices', 'read']],
  never: [['viewer', 'invoices', 'write']],
});

/** An enforcer that has one rule more than the policy. */
export function createDrifted() {
  const rules = ['p, viewer, invoices, read', 'p, viewer, invoices, write', 'g, clerk, viewer'];
  const model = newModelFromString(readFileSync(defaultModelPath, 'utf8'));
  return newEnforcer(model, new StringAdapter(rules.join('\n')));
}
