// Compiled on its own: a policy is registered for a whole program.
import { definePolicy, type PoolLike } from 'casbin-bootstrap';
import { createRequires, type DecidingEnforcer } from 'casbin-bootstrap/express';
import { permissions } from 'casbin-bootstrap/fastify';
import { CasbinBootstrapModule, Requires } from 'casbin-bootstrap/nestjs';
import type { FastifyInstance } from 'fastify';

const policy = definePolicy({
  roles: {
    reader: { permissions: { accounts: ['read'] } },
    writer: { inherits: ['reader'], permissions: { accounts: ['write'], sessions: ['end'] } },
  },
});

const anyPolicy = definePolicy({ rules: [['p', 'reader', 'accounts', 'read']] });

declare module 'casbin-bootstrap/nestjs' {
  interface Register {
    policy: typeof policy;
  }
}

export function express(enforcer: DecidingEnforcer): void {
  const subject = () => 'alice';
  const requires = createRequires({ enforcer, policy, subject });
  requires('sessions', 'end');
  // @ts-expect-error: no such resource
  requires('acounts', 'read');
  // @ts-expect-error: no such action
  requires('accounts', 'raed');
  // @ts-expect-error: no action
  requires('accounts');
  // @ts-expect-error: no subject
  createRequires({ enforcer, policy });
  createRequires({ enforcer, policy: anyPolicy, subject })('anything', 'at all');
  createRequires({ enforcer, subject })('anything', 'at all');
  createRequires({ enforcer, policy: 'policy.yaml', subject })('anything', 'at all');
}

export async function fastify(app: FastifyInstance, enforcer: DecidingEnforcer): Promise<void> {
  await app.register(permissions, { enforcer, policy, subject: (request) => request.hostname });
  app.get('/', { onRequest: app.requires('accounts', 'read') }, async () => ({}));
  app.get('/:id', { preHandler: [app.requires('sessions', 'end')] }, async () => ({}));
  // @ts-expect-error: no such resource
  app.requires('acounts', 'read');
  // @ts-expect-error: no such action
  app.requires('accounts', 'raed');
}

export function nest(pool: PoolLike): void {
  CasbinBootstrapModule.forRoot({ pool, policy, journal: true, seeders: [], subject: () => 'alice' });
  Requires('accounts', 'write');
  // @ts-expect-error: no such resource
  Requires('acounts', 'write');
  // @ts-expect-error: no such action
  Requires('accounts', 'wriet');
  // @ts-expect-error: no subject
  CasbinBootstrapModule.forRoot({ pool, policy });
}
