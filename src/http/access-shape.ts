import * as v from 'valibot';
import { tokensOf } from '../casbin/model.ts';
import { InvalidOptionsError } from '../errors.ts';
import { callable, name, policyEntry } from '../options/shape.ts';
import { fields, findMisshapen, needed } from '../policy/issues.ts';
import { formatText } from '../policy/rule.ts';
import { kindOf } from '../text.ts';
import { domainOf, subjectOf } from '../verification/parts.ts';
import {
  checkPermission,
  type DecidingEnforcer,
  type Permission,
  type RequestParts,
} from './access-options.ts';

/** The options about requests, in every framework. */
const requestEntries = {
  subject: needed(
    callable,
    'Give a function that tells who makes a request: (request) => request.user?.name',
  ),
  domain: v.optional(callable),
  challenge: v.optional(
    v.pipe(
      name,
      v.check((value) => !/[^\t\x20-\x7e]/.test(value), 'must be the value of a header, in ASCII'),
    ),
  ),
  policy: policyEntry,
};

/** The enforcer. */
export const enforcerEntry = needed(
  v.custom<object>(
    (value) => typeof Object(value).enforce === 'function' && typeof Object(value).getModel === 'function',
    'must be what createLiveEnforcer gives',
  ),
  'Give what createLiveEnforcer gives',
);

/** What to do about a route that requires nothing. */
export const unmarkedEntry = v.optional(v.picklist(['allow', 'deny'], 'must be allow or deny'));

/** Refuses options of another shape, with every problem at once. */
export function requireShape(input: unknown, entries: v.ObjectEntries): void {
  const shape = fields({ ...requestEntries, ...entries }, 'must be an object of options');
  const problems = findMisshapen(shape, input);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** Refuses a model whose requests have other values than subject, domain, resource and action: all would be denied. */
export function requireFittingModel<Request>(
  enforcer: DecidingEnforcer,
  { domain }: RequestParts<Request>,
): void {
  const model = enforcer.getModel();
  const tokens = tokensOf(model, 'r');
  const values = ['subject', ...(domain === undefined ? [] : ['domain']), 'resource', 'action'];
  const isSubjectFirst = tokens[0] === subjectOf(model);
  const isInPlace = domain === undefined || [null, tokens[1]].includes(domainOf(model));
  if (tokens.length === values.length && isSubjectFirst && isInPlace) return;
  const message = `a request is decided by its ${values.join(', ')}, in this order, but the model says r = ${tokens.join(', ')}. Give domain for a model with domains, and for no other.`;
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'domain', message }]);
}

/** Refuses a permission with names that the policy does not have. */
export function requireKnownPermission<Request>(
  { policy }: RequestParts<Request>,
  permission: Permission,
): void {
  const names = permission.map((name: unknown) =>
    typeof name === 'string' ? formatText(name) : kindOf(name),
  );
  const at = `requires(${names.join(', ')})`;
  const problems = checkPermission(policy, permission, at);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
