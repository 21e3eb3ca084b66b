import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { misspeltNameFinder } from '../../src/verification/misspelt-names.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, rulesOf } from './verify.fixture.ts';

/** What is said about the names of a request, on a policy with these rules, and others that a test gives. */
function messagesOn(
  rules: readonly string[],
  request: string,
  { given = [], ...changes }: Parameters<typeof modelText>[0] & { given?: readonly string[] } = {},
): string[] {
  const find = misspeltNameFinder(newModelFromString(modelText(changes)), rulesOf(rules), undefined);
  return find(rule(request), rulesOf(given)).map(({ message }) => message);
}

test('a short name may be misspelt by one letter', () => {
  expect(messagesOn(['p, user, hr, read'], 'user, hq, read')).toEqual([
    'no rule has obj = "hq". Did you mean "hr"?',
  ]);
});

test('the name of a resource is not one of a subject', () => {
  expect(messagesOn(['p, date, data, read'], 'data, data, read')).toEqual([
    'no rule has sub = "data". Did you mean "date"?',
  ]);
});

test.each([
  {
    what: 'a given rule has, although it resembles another one',
    rules: ['p, alicia, data, read'],
    request: 'alica, data, read',
    parts: { given: ['g, alica, alicia'] },
  },
  {
    what: 'is a role that somebody has',
    rules: ['p, clerk, data, read', 'g, alice, clark'],
    request: 'clark, data, read',
    parts: {},
  },
  {
    what: 'is a subject without any role',
    rules: ['p, clerk, data, read', 'g, alice, clark'],
    request: 'clerk, data, read',
    parts: {},
  },
  {
    what: 'is the domain of a link only',
    rules: ['p, admin, acmes, data', 'g, alice, admin, acme'],
    request: 'alice, acme, data',
    parts: {
      ...{ r: 'sub, dom, obj', p: 'sub, dom, obj', g: ['g = _, _, _'] },
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj',
    },
  },
  {
    what: 'the text of a rule may name',
    rules: ['p, clerk, true, data'],
    request: 'clark, data',
    parts: {
      ...{ r: 'sub, obj', p: 'sub, rule, obj' },
      m: 'g(r.sub, p.sub) && eval(p.rule) && r.obj == p.obj',
    },
  },
  { what: 'no rule could have, as there are none', rules: [], request: 'a, b, c', parts: {} },
])('nothing is said about a name that $what', ({ rules, request, parts }) => {
  expect(messagesOn(rules, request, parts)).toEqual([]);
});
