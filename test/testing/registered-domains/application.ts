// Compiled on its own: a policy is registered for a whole program.
import type { Enforcer } from 'casbin';
import { type ChangeReport, changePolicy, definePolicy } from 'casbin-bootstrap';
import { assertDenied } from 'casbin-bootstrap/testing';
import type {} from 'casbin-bootstrap/testing/vitest';
import type { ClientBase } from 'pg';
import { expect } from 'vitest';

const policy = definePolicy({
  domains: {
    roles: {
      viewer: { permissions: { invoices: ['read'] } },
      clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    },
    tenants: ['acme', 'globex'],
  },
  never: [['viewer', 'acme', 'invoices', 'write']],
});

declare module 'casbin-bootstrap/testing' {
  interface Register {
    policy: typeof policy;
    subject: 'alice';
  }
}

export async function check(enforcer: Enforcer): Promise<void> {
  await expect(enforcer).toAllow('viewer', 'acme', 'invoices', 'read');
  await assertDenied(enforcer, 'alice', 'globex', 'invoices', 'write');

  // @ts-expect-error: no such role
  await expect(enforcer).toDeny('viewr', 'acme', 'invoices', 'read');
  // @ts-expect-error: no such tenant
  await assertDenied(enforcer, 'alice', 'acm', 'invoices', 'read');
  // @ts-expect-error: no tenant
  await assertDenied(enforcer, 'alice', 'invoices', 'read');
}

/** Rules of domains may be granted and assigned by any strings, four values or three. */
export function promote(client: ClientBase): Promise<ChangeReport> {
  return changePolicy(
    client,
    { grant: [['viewer', 'acme', 'invoices', 'write']], assign: [['alice', 'clerk', 'acme']] },
    { actor: 'bob', policy },
  );
}
