// Compiled on its own: a policy is registered for a whole program.
import type { Enforcer } from 'casbin';
import { definePolicy } from 'casbin-bootstrap';
import { assertAllowed, assertDenied } from 'casbin-bootstrap/testing';
import type {} from 'casbin-bootstrap/testing/vitest';
import { expect } from 'vitest';

const policy = definePolicy({
  roles: {
    readonly: { permissions: { accounts: ['read'] } },
    user: { inherits: ['readonly'], permissions: { accounts: ['write'], sessions: ['end'] } },
  },
});

declare module 'casbin-bootstrap/testing' {
  interface Register {
    policy: typeof policy;
    subject: 'alice';
  }
}

export async function check(enforcer: Enforcer): Promise<void> {
  await expect(enforcer).toAllow('user', 'accounts', 'read');
  await expect(enforcer).not.toDeny('readonly', 'sessions', 'end');
  await expect(enforcer).toAllow('alice', 'accounts', 'write');
  await assertAllowed(enforcer, 'user', 'accounts', 'read');
  await assertDenied(enforcer, 'alice', 'sessions', 'end');

  // @ts-expect-error: no such role
  await expect(enforcer).toDeny('usr', 'accounts', 'read');
  // @ts-expect-error: no such resource
  await expect(enforcer).toDeny('user', 'acounts', 'read');
  // @ts-expect-error: no such action
  await expect(enforcer).not.toAllow('user', 'accounts', 'raed');
  // @ts-expect-error: a value too few
  await expect(enforcer).toDeny('user', 'accounts');
  // @ts-expect-error: a value too many
  await expect(enforcer).toAllow('user', 'accounts', 'read', 'allow');
  // @ts-expect-error: no such role
  await assertDenied(enforcer, 'usr', 'accounts', 'read');
  // @ts-expect-error: no such action
  await assertAllowed(enforcer, 'user', 'accounts', 'raed');
  // @ts-expect-error: no such user
  await expect(enforcer).toAllow('bob', 'accounts', 'read');
}
