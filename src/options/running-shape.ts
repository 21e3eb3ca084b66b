import * as v from 'valibot';
import type { Problem } from '../errors.ts';
import { AS_TOLD, fields, findMisshapen, needed } from '../policy/issues.ts';
import {
  callable,
  channelEntry,
  enforcerEntries,
  flag,
  identifierName,
  isOption,
  milliseconds,
  name,
  optionalBy,
  optionsOf,
  policyEntry,
  schema,
  shapeCheck,
  text,
} from './shape.ts';

/** One name, or several. */
const oneOrMore = optionalBy((input) =>
  typeof input === 'string'
    ? name
    : v.pipe(
        v.array(name, 'must be a name, or a list of names'),
        v.nonEmpty('must not be an empty list; leave it out for all'),
      ),
);

/** All problems in the shape of a live enforcer's options. */
export const checkLiveShape = shapeCheck({
  ...enforcerEntries,
  subject: oneOrMore,
  domain: oneOrMore,
  maxStalenessMs: v.optional(milliseconds),
  whenStale: v.optional(v.picklist(['decide', 'deny'], 'must be decide or deny')),
  pollIntervalMs: v.optional(milliseconds),
  notifyChannel: channelEntry,
  onChange: v.optional(callable),
  onError: v.optional(callable),
});

const rules = v.optional(
  v.array(v.array(name, 'must be a list of values'), 'must be a list of rules, each a list of values'),
);
const assignments = v.optional(
  v.array(
    v.pipe(
      v.array(v.optional(name), 'must be a list: user, role, and a domain where the model has some'),
      v.check(
        (given) => given[0] !== undefined && given[1] !== undefined,
        'must have a user and a role, and a domain where the model has some',
      ),
    ),
    'must be a list of assignments, each a list: user, role, and a domain where the model has some',
  ),
);

const policyChanges = fields(
  { grant: rules, revoke: rules, assign: assignments, unassign: assignments },
  'must be an object with grant, revoke, assign and unassign',
  (key) => (isOption(key) ? 'It belongs in the options, after the changes.' : null),
);

const changeOptions = v.pipe(
  optionsOf({
    ...enforcerEntries,
    policy: policyEntry,
    actor: needed(text, 'Give who makes the change: a name, such as that of the user who is signed in'),
    reason: v.optional(text),
    force: flag,
    dryRun: flag,
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    const given = Object(dataset.value);
    if (given.force !== true || given.reason !== undefined) return;
    const message = 'it is missing. Give a reason beside force: true, for the journal';
    const path = [{ type: 'object', origin: 'key', input: given, key: 'reason', value: undefined }] as const;
    addIssue({ expected: AS_TOLD, message, path: [...path] });
  }),
);

/** All problems in the shape of a change of a policy. */
export function checkChangeShape(changes: unknown, options: unknown): Problem[] {
  return [...findMisshapen(policyChanges, changes, 'changes'), ...findMisshapen(changeOptions, options)];
}

/** All problems in the limit of a change that is a transaction of its own. */
export const checkWaitShape = shapeCheck({ lockTimeoutMs: v.optional(milliseconds) });

/** A time that PostgreSQL takes as text. */
const moment = v.pipe(
  v.date('must be a valid Date'),
  v.check((date) => /^(?!0000)\d{4}-/.test(date.toISOString()), 'must be a Date in the years 1 to 9999'),
);
const journalFilter = fields(
  {
    schema: v.optional(schema),
    table: v.optional(identifierName),
    since: v.optional(moment),
    until: v.optional(moment),
    actor: v.optional(text),
    value: optionalBy((input) => (Array.isArray(input) ? v.array(text) : text)),
    limit: v.optional(
      v.pipe(
        v.number('must be a number'),
        v.safeInteger('must be a whole number, not larger than Number.MAX_SAFE_INTEGER'),
        v.minValue(1, 'must be 1 at least'),
      ),
    ),
  },
  'must be an object',
);
const pruning = fields(
  {
    olderThan: needed(moment, 'Give a Date: what was recorded before it is removed'),
    schema: v.optional(schema),
  },
  'must be an object with olderThan',
);

/** All problems in the shape of a filter of the journal. */
export function checkJournalFilter(input: unknown): Problem[] {
  return findMisshapen(journalFilter, input, 'filter');
}

/** The same for the options of pruning a journal. */
export function checkPruning(input: unknown): Problem[] {
  return findMisshapen(pruning, input);
}
