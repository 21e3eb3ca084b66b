import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests(undefined);
