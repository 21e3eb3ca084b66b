import * as v from 'valibot';
import type { Problem } from '../errors.ts';
import { AS_TOLD, dictionary, fields, findMisshapenPlaces } from './issues.ts';

/** YAML reads `1` as a number and `true` as a boolean. */
const text = v.string(({ input }) =>
  ['number', 'boolean'].includes(typeof input) ? 'must be a string: quote it' : 'must be a string',
);
const list = v.array(text, 'must be a list of strings');
const nameList = unlessFine(isTextList, list);
const onRevoked = v.picklist(['restore', 'keep'], "must be 'restore' or 'keep'");
const role = fields(
  {
    inherits: v.optional(nameList),
    permissions: v.optional(dictionary(nameList, 'must be an object of resource → actions')),
    onRevoked: v.optional(onRevoked),
  },
  'must be an object with inherits and permissions',
);
const rule = v.pipe(list, v.minLength(2, 'must be two strings or more: a ptype and its values'));
/** Requests, each as the list of its values. */
export const requestList = v.array(
  v.pipe(list, v.minLength(1, 'must be one string or more: the values of a request')),
  'must be a list of requests',
);

const roles = dictionary(role, 'must be an object of role → definition');

/** Rules, each as a list: the ptype and its values. */
export const ruleList = unlessFine(isRuleList, v.array(rule, 'must be a list of rules'));
const retiredRole = fields(
  { reassign: v.optional(text) },
  'must be an object: {}, or one with reassign and a role',
);
const wholeNumber = v.pipe(
  v.number('must be a whole number'),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be 1 or more'),
  v.maxValue(2_147_483_647, 'must be less than 2,147,483,648'),
);

const entries = {
  roles: v.optional(roles),
  domains: v.optional(fields({ roles, tenants: nameList }, 'must be an object with roles and tenants')),
  rules: v.optional(ruleList),
  allow: v.optional(requestList),
  deny: v.optional(requestList),
  never: v.optional(requestList),
  samples: v.optional(requestList),
  version: v.optional(wholeNumber),
  retired: v.optional(
    fields(
      {
        roles: v.optional(dictionary(retiredRole, 'must be an object of role → {}, or { reassign: role }')),
        rules: v.optional(ruleList),
      },
      'must be an object with roles and rules',
    ),
  ),
  renamed: v.optional(
    fields(
      { roles: dictionary(text, 'must be an object of old name → new name') },
      'must be an object with roles',
    ),
  ),
  onRevoked: v.optional(onRevoked),
};

/** The parts of a definition. */
export const PARTS: readonly string[] = Object.keys(entries);

const message = 'must be a policy definition: an object with roles and rules';

/** The shape of a definition, in code. `model/policy.schema.json` says the same of one in a file. */
export const definitionShape = oneKindOfRoles(fields(entries, message, explainRole));

const fileShape = oneKindOfRoles(fields({ ...entries, $schema: v.optional(text) }, message, explainRole));

function explainRole(_key: string, value: unknown): string | null {
  const isRole =
    typeof value === 'object' && value !== null && ('permissions' in value || 'inherits' in value);
  return isRole ? 'A role is defined under roles.' : null;
}

/** All problems in the shape of a file's content. */
export function checkFileShape(file: string, content: unknown): Problem[] {
  return findMisshapenPlaces(fileShape, file, content);
}

/** Refuses `roles` beside `domains`: rules of `domains` have one value more, and a model defines one number. */
function oneKindOfRoles(schema: v.GenericSchema) {
  const both =
    'it is beside roles, whose rules have no domain, and no model has room for both. Move those roles into domains, or remove one of the two';
  return v.pipe(
    v.unknown(),
    v.rawCheck(({ dataset: { value }, addIssue }) => {
      const { roles, domains } = Object(value);
      if (roles === undefined || domains === undefined) return;
      addIssue({
        expected: AS_TOLD,
        message: both,
        path: [{ type: 'object', origin: 'key', input: Object(value), key: 'domains', value: domains }],
      });
    }),
    schema,
  );
}

/** Uses the schema only if a quick check finds a fault, because valibot copies what it checks, which may be large. */
function unlessFine(isFine: (input: unknown) => boolean, schema: v.GenericSchema): v.GenericSchema {
  return v.lazy((input) => (isFine(input) ? v.any() : schema));
}

function isRuleList(input: unknown): boolean {
  return isListOf(input, (rule) => isTextList(rule) && Array.isArray(rule) && rule.length > 1);
}

function isTextList(input: unknown): boolean {
  return isListOf(input, (text) => typeof text === 'string');
}

/** Not `every`, which skips the holes of a list. */
function isListOf(input: unknown, isFine: (element: unknown) => boolean): boolean {
  if (!Array.isArray(input)) return false;
  for (const element of input) if (!isFine(element)) return false;
  return true;
}
