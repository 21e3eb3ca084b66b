import { describe, expect, test } from 'vitest';
import {
  checkChangeShape,
  checkJournalFilter,
  checkLiveShape,
  checkPruning,
} from '../../src/options/running-shape.ts';

const NAME = /^must be a string/;
const EMPTY = /^must not be empty/;
const NUL = /^must not hold a NUL character/;
const HALF = /^must not hold half of a surrogate pair/;
const FUNCTION = /^must be a function/;
const FLAG = /^must be true or false/;
const NEGATIVE = /^must not be negative/;
const DATE = /^must be a valid Date/;
const YEAR = /^must be a Date in the years 1 to 9999/;
const LIST = /^must be a list of values/;
const ASSIGNMENT = /^must have a user and a role/;

/** What is wrong, where, and how the message begins. */
type Wrong = [given: object, at: string, message: RegExp];

const wrongLive: Wrong[] = [
  [{ model: 5 }, 'model', /^must be the path/],
  [{ subject: 5 }, 'subject', /^must be a name, or a list of names/],
  [{ subject: '' }, 'subject', EMPTY],
  [{ subject: [] }, 'subject', /^must not be an empty list/],
  [{ subject: ['alice', 5] }, 'subject[1]', NAME],
  [{ domain: 5 }, 'domain', /^must be a name, or a list of names/],
  [{ domain: [''] }, 'domain[0]', EMPTY],
  [{ maxStalenessMs: -1 }, 'maxStalenessMs', NEGATIVE],
  [{ whenStale: 'maybe' }, 'whenStale', /^must be decide or deny/],
  [{ connectTimeoutMs: -1 }, 'connectTimeoutMs', NEGATIVE],
  [{ pollIntervalMs: -1 }, 'pollIntervalMs', NEGATIVE],
  [{ notifyChannel: 5 }, 'notifyChannel', NAME],
  [{ notifyChannel: '' }, 'notifyChannel', EMPTY],
  [{ onChange: true }, 'onChange', FUNCTION],
  [{ onError: true }, 'onError', FUNCTION],
];

const wrongChanges: Wrong[] = [
  [[], 'changes', /^must be an object with grant, revoke, assign and unassign/],
  [{ give: [] }, 'give', /^there is no such option\. Known are grant,/],
  [{ actor: 'root' }, 'actor', /^there is no such option\. It belongs in the options, after the changes\.$/],
  ...['grant', 'revoke'].flatMap((list): Wrong[] => [
    [{ [list]: 'a' }, list, /^must be a list of rules/],
    [{ [list]: ['a'] }, `${list}[0]`, LIST],
    [{ [list]: [['a', 5]] }, `${list}[0][1]`, NAME],
  ]),
  ...['assign', 'unassign'].flatMap((list): Wrong[] => [
    [{ [list]: 'a' }, list, /^must be a list of assignments/],
    [{ [list]: ['a'] }, `${list}[0]`, /^must be a list: user, role/],
    [{ [list]: [['carol', 5]] }, `${list}[0][1]`, NAME],
    [{ [list]: [['carol']] }, `${list}[0]`, ASSIGNMENT],
    [{ [list]: [[undefined, 'clerk']] }, `${list}[0]`, ASSIGNMENT],
  ]),
];

const wrongOptionsOfChange: Wrong[] = [
  [{ policy: ['p'] }, 'policy', /^must be a policy definition/],
  [{ actor: undefined }, 'actor', /^it is missing\. Give who makes the change/],
  [{ actor: 'a\0' }, 'actor', NUL],
  [{ actor: '\ud800' }, 'actor', HALF],
  [{ reason: '' }, 'reason', EMPTY],
  [{ reason: 'a\0' }, 'reason', NUL],
  [{ force: 'yes', reason: 'audit' }, 'force', FLAG],
  [{ force: true }, 'reason', /^it is missing\. Give a reason beside force: true, for the journal\.$/],
  [{ dryRun: 'no' }, 'dryRun', FLAG],
];

const wrongFilters: Wrong[] = [
  [[], 'filter', /^must be an object/],
  [{ user: 'alice' }, 'user', /^there is no such option/],
  [{ schema: 'pg_catalog' }, 'schema', /^must not be a schema of PostgreSQL itself/],
  [{ table: 'x'.repeat(64) }, 'table', /^must not be longer than 63 bytes/],
  [{ since: '2026-01-01' }, 'since', DATE],
  [{ until: new Date(Number.NaN) }, 'until', DATE],
  [{ until: new Date(8.64e15) }, 'until', YEAR],
  [{ since: new Date('0000-12-31T23:59:59.999Z') }, 'since', YEAR],
  [{ actor: 5 }, 'actor', NAME],
  [{ value: 5 }, 'value', NAME],
  [{ value: ['alice', '\ud800'] }, 'value[1]', HALF],
  [{ limit: '5' }, 'limit', /^must be a number/],
  [{ limit: 1.5 }, 'limit', /^must be a whole number/],
  [{ limit: Number.MAX_VALUE }, 'limit', /not larger than Number\.MAX_SAFE_INTEGER/],
  [{ limit: 0 }, 'limit', /^must be 1 at least/],
];

const wrongPrunings: Wrong[] = [
  [[], 'options', /^must be an object with olderThan/],
  [{}, 'olderThan', /^it is missing\. Give a Date/],
  [{ olderThan: new Date(Number.NaN) }, 'olderThan', DATE],
  [{ olderThan: new Date(-8.64e15) }, 'olderThan', YEAR],
  [{ olderThan: new Date(0), schema: '$user' }, 'schema', /^must not be "\$user"/],
];

const BY = { actor: 'root' };

describe.each<[string, (given: object) => unknown, Wrong[]]>([
  ['options of a live enforcer', checkLiveShape, wrongLive],
  ['changes of a policy', (given) => checkChangeShape(given, BY), wrongChanges],
  ['options of a change', (given) => checkChangeShape({}, { ...BY, ...given }), wrongOptionsOfChange],
  ['a filter of the journal', checkJournalFilter, wrongFilters],
  ['options of pruning', checkPruning, wrongPrunings],
])('%s', (_, check, wrong) => {
  test.each(wrong)('%o is refused with its place: %s', (given, at, message) => {
    expect(check(given)).toEqual([
      { code: expect.stringMatching(/^OPTION_/), at, message: expect.stringMatching(message) },
    ]);
  });
});

test('what is right is accepted', () => {
  const now = new Date();
  const lists = { grant: [['clerk', 'invoices', 'write']], assign: [['carol', 'clerk']] };
  for (const problems of [
    checkLiveShape({ subject: 'alice', domain: ['a', 'b'], notifyChannel: false, maxStalenessMs: 0 }),
    checkChangeShape({ ...lists, revoke: [], unassign: [['dave', 'clerk', 'a']] }, { ...BY, policy: null }),
    checkChangeShape({}, { ...BY, force: true, reason: 'audit' }),
    checkJournalFilter({ since: now, until: now, value: ['a', 'b'], table: 'casbin', limit: 1 }),
    checkPruning({ olderThan: now, schema: 'not_pg_information_schema_2' }),
  ])
    expect(problems).toEqual([]);
});
