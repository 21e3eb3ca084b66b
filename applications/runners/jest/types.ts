// Compiled, not run: the matchers are known to the global `expect` and to the imported one.
import { expect as imported } from '@jest/globals';
import type { Enforcer } from 'casbin';
import { definePolicy } from 'casbin-bootstrap';
import { assertAllowed } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/jest';

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
  await imported(enforcer).not.toDeny('viewer', 'invoices', 'read');
  const asked: Promise<void>[] = [
    expect(enforcer).toAllow('viewer', 'invoices', 'read'),
    imported(enforcer).toDeny('viewer', 'invoices', 'read'),
  ];
  await Promise.all(asked);

  // @ts-expect-error: no such role
  await expect(enforcer).toDeny('viewr', 'invoices', 'read');
  // @ts-expect-error: no such action
  await imported(enforcer).toDeny('viewer', 'invoices', 'raed');
  // @ts-expect-error: a value too few
  await assertAllowed(enforcer, 'viewer', 'invoices');
}
