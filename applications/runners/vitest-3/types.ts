// Compiled, not run: Vitest 3 knows the matchers by the same declarations as Vitest 4.
import type { Enforcer } from 'casbin';
import { definePolicy } from 'casbin-bootstrap';
import { assertAllowed } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/vitest';
import { expect } from 'vitest';

const policy = definePolicy({ roles: { viewer: { permissions: { invoices: ['read'] } } } });

declare module 'casbin-bootstrap/testing' {
  interface Register {
    policy: typeof policy;
  }
}

export async function check(enforcer: Enforcer): Promise<void> {
  policyTests(policy, { target: enforcer });
  await assertAllowed(enforcer, 'viewer', 'invoices', 'read');
  await expect(enforcer).toAllow('viewer', 'invoices', 'read');
  const asked: Promise<void>[] = [expect(enforcer).toAllow('viewer', 'invoices', 'read')];
  await Promise.all(asked);

  // @ts-expect-error: no such role
  await expect(enforcer).toDeny('viewr', 'invoices', 'read');
  // @ts-expect-error: a value too few
  await assertAllowed(enforcer, 'viewer', 'invoices');
}
