import cedar from '@cedar-policy/cedar-wasm/nodejs';

const POLICIES = 'live';

/**
 * A request to Cedar, compiled to WebAssembly, on rules of `p` and `g`: a policy a rule, parsed before, and roles as
 * entities.
 */
export function cedarWith(rules) {
  const permissions = rules.filter(([ptype]) => ptype === 'p');
  const staticPolicies = Object.fromEntries(
    permissions.map(([, role, resource, action], n) => [
      `p${n}`,
      `permit(principal in Role::"${role}", action == Action::"${action}", resource == Resource::"${resource}");`,
    ]),
  );
  const parsed = cedar.preparsePolicySet(POLICIES, { staticPolicies });
  if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors));
  const parents = new Map();
  for (const [ptype, child, parent] of rules) {
    if (ptype === 'g') parents.set(child, [...(parents.get(child) ?? []), { type: 'Role', id: parent }]);
  }
  const names = new Set([...parents].flatMap(([child, above]) => [child, ...above.map(({ id }) => id)]));
  const entities = [...names].map((id) => ({
    uid: { type: 'Role', id },
    attrs: {},
    parents: parents.get(id) ?? [],
  }));
  return ([subject, resource, action]) => {
    const answer = cedar.statefulIsAuthorized({
      principal: { type: 'Role', id: subject },
      action: { type: 'Action', id: action },
      resource: { type: 'Resource', id: resource },
      context: {},
      preparsedPolicySetId: POLICIES,
      entities,
    });
    if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors));
    return answer.response.decision === 'allow';
  };
}
