import { policyTests } from 'casbin-bootstrap/testing/node';

policyTests({ roles: { viewer: { permissions: { invoices: ['read'] } } } });
