import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests({ roles: { viewer: { permissions: { invoices: ['read'] } } } });
