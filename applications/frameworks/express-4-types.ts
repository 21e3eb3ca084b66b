// Compiled only: the declarations of Express 4 differ from those of 5.
import type { DecidingEnforcer } from 'casbin-bootstrap/express';
import { createRequires } from 'casbin-bootstrap/express';
import type { Express, Request } from 'types-express-4';
import { policy, tenantPolicy } from './policy.ts';

export function route(app: Express, enforcer: DecidingEnforcer): void {
  const requires = createRequires({ enforcer, policy, subject: (request: Request) => request.get('x-user') });
  app.get('/accounts/:id', requires('accounts', 'read'), (request, response) => {
    const id: string = request.params.id;
    response.json({ id });
  });
  // @ts-expect-error: no such action
  requires('accounts', 'raed');
  createRequires({
    enforcer,
    policy: tenantPolicy,
    subject: (request: Request) => request.get('x-user'),
    domain: (request) => request.params.tenant,
  });
}
