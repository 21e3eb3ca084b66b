import { policyTests } from 'casbin-bootstrap/testing/jest';

policyTests({ roles: { viewer: { permissions: { invoices: ['read'] } } } });
