import { type Model, newModelFromString } from 'casbin';

/** The default model: roles, and some rule that allows. */
export function rbacModel(): Model {
  return modelWith({});
}

/** Without roles: no `g` section at all. */
export function aclModel(): Model {
  return newModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
`);
}

/** A second policy definition, and roles of resources beside those of users. */
export function twofoldModel(): Model {
  return modelWith({
    policies: 'p2 = sub, act',
    roles: 'g2 = _, _',
    matcher: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
  });
}

/** The first rule that matches decides: the order is part of the policy. */
export function firstMatchModel(): Model {
  return newModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[policy_effect]
e = priority(p.eft) || deny
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
`);
}

function modelWith({
  policies = '',
  roles = '',
  matcher = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act',
}): Model {
  return newModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
${policies}
[role_definition]
g = _, _
${roles}
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ${matcher}
`);
}
