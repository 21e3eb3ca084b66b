import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { linkedNames, splitUserLinks } from '../../src/verification/user-links.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rulesOf } from './verify.fixture.ts';

/** The links of users among these rules. */
function userLinksOf(lines: readonly string[], changes: Parameters<typeof modelText>[0] = {}): string[] {
  const { userLinks } = splitUserLinks(newModelFromString(modelText(changes)), rulesOf(lines));
  return userLinks.map(({ ptype, values }) => [ptype, ...values].join(', '));
}

test('who has a permission by a rule of any kind is a role', () => {
  const changes = { p: 'sub, obj, act\np2 = sub, act' };
  const lines = ['p, clerk, data, read', 'p2, boss, sign', 'g, boss, clerk', 'g, ann, clerk'];
  expect(userLinksOf(lines, changes)).toEqual(['g, ann, clerk']);
});

test('the subject of a rule is found wherever the model has it', () => {
  const lines = ['p, data, boss, read', 'g, boss, clerk', 'g, data, clerk'];
  expect(userLinksOf(lines, { p: 'obj, sub, act' })).toEqual(['g, data, clerk']);
});

test('links of users are known also where no requests follow from the rules', () => {
  const m = 'g(r.sub, p.sub) && keyMatch(r.obj, p.obj)';
  expect(userLinksOf(['p, clerk, data, read', 'g, ann, clerk'], { m })).toEqual(['g, ann, clerk']);
});

test('the subject of a rule is also found by the call of the role definition', () => {
  const lines = ['p, data, clerk, read', 'g, clerk, staff', 'g, ann, staff'];
  const m = 'g(r.sub, p.role) && r.obj == p.obj';
  expect(userLinksOf(lines, { p: 'obj, role, act', m })).toEqual(['g, ann, staff']);
});

test('beside patterns too, the matcher tells which links are those of users', () => {
  const lines = ['p, clerk, data, read', 'g, page, data', 'g2, ann, clerk'];
  const m = 'g2(r.sub, p.sub) && g(r.obj, p.obj) && keyMatch(r.act, p.act)';
  expect(userLinksOf(lines, { g: ['g = _, _', 'g2 = _, _'], m })).toEqual(['g2, ann, clerk']);
});

test.each(['g2(p.obj, r.obj)', 'g2(r.obj, "public")', 'g2(r.obj, p.obj, "x")'])(
  'beside patterns, links that the matcher asks only by %s are not those of users',
  (call) => {
    const lines = ['p, clerk, data, read', 'g, ann, clerk', 'g2, secret, public'];
    const m = `g(r.sub, p.sub) && (r.obj == p.obj || ${call}) && keyMatch(r.act, p.act)`;
    expect(
      userLinksOf(lines, { g: ['g = _, _', call.includes('"x"') ? 'g2 = _, _, _' : 'g2 = _, _'], m }),
    ).toEqual(['g, ann, clerk']);
  },
);

test('links that lead to a resource of a rule are not those of users, where both have one role definition', () => {
  const lines = ['p, clerk, data, read', 'g, ann, clerk', 'g, page, book', 'g, book, data', 'g, ben, team'];
  const m = 'g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act';
  expect(userLinksOf(lines, { m })).toEqual(['g, ann, clerk', 'g, ben, team']);
});

test('linked names are both ends of links of every role definition, without domains', () => {
  const lines = ['p, clerk, data, read', 'g, ann, clerk, one', 'g2, page, data'];
  expect(linkedNames(rulesOf(lines))).toEqual(['ann', 'clerk', 'page', 'data']);
});
