import type { Problem } from '../errors.ts';
import type { PolicyDefinition } from './definition.ts';
import { placeIn } from './place.ts';
import { formatText } from './rule.ts';

/**
 * Names in `allow`, `deny` and `never` that the roles of a definition don't have: what the compiler finds in the
 * argument of `definePolicy`, for files. A misspelt request would be denied, so `never` would hold for nothing.
 */
export function findUnknownNames(definition: PolicyDefinition): Problem[] {
  const { roles, rules } = definition;
  if (roles === undefined || rules !== undefined) return [];
  const permissions = Object.values(roles).flatMap((role) => Object.entries(role.permissions ?? {}));
  const known = [
    { what: 'role', names: new Set(Object.keys(roles)) },
    { what: 'resource', names: new Set(permissions.map(([resource]) => resource)) },
    { what: 'action', names: new Set(permissions.flatMap(([, actions = []]) => actions)) },
  ];
  const requests = (['allow', 'deny', 'never'] as const).flatMap((kind) =>
    (definition[kind] ?? []).map((request, index) => ({ kind, index, request })),
  );
  return requests.flatMap(({ kind, index, request }) =>
    known.flatMap(({ what, names }, position): Problem[] => {
      const name = request[position];
      if (name === undefined || names.has(name)) return [];
      const message = `no ${what} of this definition is called ${formatText(name)}. Correct it, or give the definition a list of rules, even an empty one, if the request is right.`;
      return [{ code: 'REQUEST_NAME_UNKNOWN', at: placeIn(definition, kind, index, position), message }];
    }),
  );
}
