import { policyTests } from 'casbin-bootstrap/testing';

policyTests(undefined);
