import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import type { ConfigureEnforcer } from '../../src/casbin/enforcer.ts';
import { toRule } from '../../src/policy/rule.ts';
import { checkStructure } from '../../src/verification/structure.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, rulesOf } from './verify.fixture.ts';

const DOMAINS = ['g = _, _, _'];
const CIRCLE = ['g, a, b', 'g, b, a'];
/** One link more than Casbin follows. */
const DEEP = Array.from({ length: 11 }, (_, level) => `g, level${level}, level${level + 1}`);

/** What is wrong with stored links; the rows are numbered from 1. */
async function findingsOf(
  stored: readonly string[],
  {
    g = ['g = _, _', 'g2 = _, _'],
    defined = [],
    configureEnforcer,
  }: { g?: readonly string[]; defined?: readonly string[]; configureEnforcer?: ConfigureEnforcer } = {},
) {
  const live = stored.map((line, index) => ({ ...toRule(rule(line)), id: index + 1 }));
  const model = newModelFromString(modelText({ g }));
  const findings = await checkStructure(model, live, rulesOf(defined), configureEnforcer);
  return findings.map(({ ids, message }) => [ids, message.replace(/:.*/, '')]);
}

test('a circle and too deep a hierarchy are both found', async () => {
  expect(await findingsOf([...CIRCLE, ...DEEP])).toEqual([
    [[1, 2], 'Roles inherit from each other in a circle'],
    [DEEP.map((_, index) => index + 3), 'Inheritance over 11 links, and Casbin silently stops at 10'],
  ]);
});

test('with a circle anywhere, a role manager of the application is not asked', async () => {
  const inDomain = (lines: readonly string[], domain: string) => lines.map((line) => `${line}, ${domain}`);
  const links = [...inDomain(CIRCLE, 'one'), ...inDomain(DEEP, 'two')];
  expect(await findingsOf(links, { g: DOMAINS, configureEnforcer: () => {} })).toEqual([
    [[1, 2], 'Roles inherit from each other in a circle'],
  ]);
});

test('a role manager of the application is asked in the domain of the links', async () => {
  const links = ['g, ann, boss, one', 'g, boss, top, one'];
  expect(await findingsOf(links, { g: DOMAINS, configureEnforcer: () => {} })).toEqual([]);
});

test('the rows of a circle are those of its role definition and of its domains', async () => {
  const circle = 'Roles inherit from each other in a circle';
  expect(await findingsOf([...CIRCLE, 'g2, a, b'])).toEqual([[[1, 2], circle]]);
  const links = ['g, a, b, one, x', 'g, a, b, one, y', 'g, b, a, one, x'];
  expect(await findingsOf(links, { g: ['g = _, _, _, _'] })).toEqual([[[1, 3], circle]]);
});

test('a hierarchy is turned round also over more links than Casbin follows', async () => {
  const findings = await findingsOf(DEEP, { defined: ['g, level11, level0'] });
  expect(findings.map(([, message]) => message)).toContainEqual(
    expect.stringMatching(/^"level0" inherits from "level11" .*but the definition says the opposite/),
  );
});
