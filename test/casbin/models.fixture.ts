import { type Model, newModelFromString } from 'casbin';

/** The text of a model, RBAC unless said otherwise. */
export function modelText({
  r = 'sub, obj, act',
  p = 'sub, obj, act',
  g = ['g = _, _'],
  e = 'some(where (p.eft == allow))',
  m = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act',
}: {
  r?: string;
  p?: string;
  g?: readonly string[];
  e?: string;
  m?: string;
} = {}): string {
  return `
[request_definition]
r = ${r}
[policy_definition]
p = ${p}
[role_definition]
${g.join('\n')}
[policy_effect]
e = ${e}
[matchers]
m = ${m}
`;
}

/** The default model: roles, and some rule that allows. */
export function rbacModel(): Model {
  return newModelFromString(modelText());
}

/** The default model with these `p` rules. */
export function rbacModelWith(rules: readonly string[][]): Model {
  const model = rbacModel();
  model.model
    .get('p')
    ?.get('p')
    ?.policy.push(...rules);
  return model;
}

const BY_SUBJECT = 'r.sub == p.sub && r.obj == p.obj && r.act == p.act';

/** Without roles: no `g` section at all. */
export function aclModel(): Model {
  return newModelFromString(modelText({ g: [], m: BY_SUBJECT }));
}

/** A second policy definition, and roles of resources beside those of users. */
export function twofoldModel(): Model {
  return newModelFromString(
    modelText({
      p: 'sub, obj, act\np2 = sub, act',
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    }),
  );
}

/** The first rule that matches decides: the order is part of the policy. */
export function firstMatchModel(): Model {
  return newModelFromString(
    modelText({ p: 'sub, obj, act, eft', g: [], e: 'priority(p.eft) || deny', m: BY_SUBJECT }),
  );
}
