import { newEnforcer, newModelFromString } from 'casbin';
import { policyTests } from 'casbin-bootstrap/testing/vitest';

const model = newModelFromString(`
[request_definition]
r = sub, obj
[policy_definition]
p = sub, obj
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && keyMatch(r.obj, p.obj)
`);

policyTests({ rules: [['p', 'user', '/accounts/*']] }, { model, target: () => newEnforcer(model) });
