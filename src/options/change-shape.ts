import * as v from 'valibot';
import type { Problem } from '../errors.ts';
import { describeIssue, fields } from '../policy/issues.ts';
import { enforcerEntries, name, optionsOf, policyEntry } from './shape.ts';

const value = v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'));
const rules = v.optional(
  v.array(v.array(value, 'must be a list of values'), 'must be a list of rules, each a list of values'),
);
const assignments = v.optional(
  v.array(
    v.pipe(
      v.array(v.optional(value), 'must be a list: user, role, and a domain where the model has some'),
      v.minLength(2, 'must have a user and a role'),
    ),
    'must be a list of assignments, each a list: user, role, and a domain where the model has some',
  ),
);

const policyChanges = fields(
  { grant: rules, revoke: rules, assign: assignments, unassign: assignments },
  'must be an object with grant, revoke, assign and unassign',
);

const changeOptions = v.pipe(
  optionsOf({
    ...enforcerEntries,
    policy: policyEntry,
    actor: v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty')),
    reason: v.optional(name),
    force: v.optional(v.boolean('must be true or false')),
    dryRun: v.optional(v.boolean('must be true or false')),
  }),
  v.check(
    (given) => Reflect.get(given, 'force') !== true || Reflect.get(given, 'reason') !== undefined,
    'must have a reason beside force: true, for the journal',
  ),
);

/** Everything about the shape of a change of a policy that is wrong. */
export function checkChangeShape(changes: unknown, options: unknown): Problem[] {
  return [
    ...(v.safeParse(policyChanges, changes).issues ?? []).map((issue) => describeIssue(issue, 'changes')),
    ...(v.safeParse(changeOptions, options).issues ?? []).map((issue) => describeIssue(issue, 'options')),
  ];
}
