import { newEnforcer } from 'casbin';
import { defaultModelPath } from 'casbin-bootstrap';
import { policyTests } from 'casbin-bootstrap/testing';

policyTests({}, { target: () => newEnforcer(defaultModelPath) });
