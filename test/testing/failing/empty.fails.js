import { newEnforcer } from 'casbin';
import { defaultModelPath } from 'casbin-bootstrap';
import { policyTests } from 'casbin-bootstrap/testing/vitest';

policyTests({}, { target: () => newEnforcer(defaultModelPath) });
