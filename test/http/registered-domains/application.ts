// Compiled on its own: a policy is registered for a whole program.
import { definePolicy, type PoolLike } from 'casbin-bootstrap';
import { createRequires, type DecidingEnforcer } from 'casbin-bootstrap/express';
import { permissions } from 'casbin-bootstrap/fastify';
import { CasbinBootstrapModule, Requires } from 'casbin-bootstrap/nestjs';
import type { FastifyInstance } from 'fastify';

const policy = definePolicy({
  domains: {
    roles: { clerk: { permissions: { invoices: ['read'] } } },
    tenants: ['acme', 'globex'],
  },
});

declare module 'casbin-bootstrap/fastify' {
  interface Register {
    policy: typeof policy;
  }
}

const subject = () => 'alice';
const domain = () => 'acme';

export function express(enforcer: DecidingEnforcer): void {
  const requires = createRequires({ enforcer, policy, subject, domain });
  requires('invoices', 'read');
  // @ts-expect-error: no such resource
  requires('invoces', 'read');
  // @ts-expect-error: no such action
  requires('invoices', 'raed');
  // @ts-expect-error: no domain
  createRequires({ enforcer, policy, subject });
}

export async function fastify(app: FastifyInstance, enforcer: DecidingEnforcer): Promise<void> {
  await app.register(permissions, { enforcer, policy, subject, domain });
  app.get('/', { onRequest: app.requires('invoices', 'read') }, async () => ({}));
  // @ts-expect-error: no such resource
  app.requires('invoces', 'read');
  // @ts-expect-error: no domain
  await app.register(permissions, { enforcer, policy, subject });
}

export function nest(pool: PoolLike): void {
  CasbinBootstrapModule.forRoot({ pool, policy, subject, domain });
  Requires('invoices', 'read');
  // @ts-expect-error: no such action
  Requires('invoices', 'raed');
  // @ts-expect-error: no domain
  CasbinBootstrapModule.forRoot({ pool, policy, subject });
}
