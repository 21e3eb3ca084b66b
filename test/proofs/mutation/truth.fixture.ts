import { type Adapter, type Enforcer, Helper, type Model, newEnforcer, newModelFromString } from 'casbin';
import type { Layout } from '../../../src/tables/rule-table.ts';
import type { Row } from './mutations.fixture.ts';

type Rule = Omit<Row, 'id'>;

/** A subject that nobody knows. */
const STRANGER = 'casbin-bootstrap:no-role';

/** What a plain enforcer says of every request that can be made of the values of a policy. */
export async function decideGrid(
  modelText: string,
  rules: readonly Rule[],
  grid: readonly (readonly string[])[],
): Promise<string[]> {
  const enforcer = await plainEnforcer(modelText, rules);
  return grid.map((request) => {
    try {
      return enforcer.enforceSync(...request) ? 'allow' : 'deny';
    } catch {
      return 'throws';
    }
  });
}

/** Casbin's own enforcer on just these rules, made without this library. */
export async function plainEnforcer(modelText: string, rules: readonly Rule[]): Promise<Enforcer> {
  const enforcer = await newEnforcer(newModelFromString(modelText));
  enforcer.setAdapter({ loadPolicy: (model: Model) => fill(model, rules) } as Adapter);
  await enforcer.loadPolicy();
  return enforcer;
}

async function fill(model: Model, rules: readonly Rule[]): Promise<void> {
  for (const { ptype, values } of rules) {
    const assertion = model.model.get(ptype.slice(0, 1))?.get(ptype);
    assertion?.policy.push([...values]);
  }
}

/**
 * All requests over the values that rules give each token, and the links of the role definitions that the matcher
 * calls for it; for the subject, a stranger too.
 */
export function gridOf(modelText: string, rules: readonly Rule[], subject = 'sub'): string[][] {
  const model = newModelFromString(modelText);
  const tokens = (key: string) =>
    model.model
      .get(key)
      ?.get(key)
      ?.tokens.map((token) => token.slice(2)) ?? [];
  const ofPolicy = tokens('p');
  return tokens('r')
    .map((token) => {
      const isLinked = (ptype: string) => new RegExp(`\\b${ptype}\\([^)]*\\br\\.${token}\\b`).test(modelText);
      const isDomain = new RegExp(`\\bg\\([^)]*,[^)]*, r\\.${token}\\)`).test(modelText);
      const named = rules.flatMap(({ ptype, values }) => {
        if (ptype === 'p') return values.slice(ofPolicy.indexOf(token)).slice(0, 1);
        if (isDomain) return values.slice(2, 3);
        return isLinked(ptype) ? values.slice(0, 2) : [];
      });
      return [...new Set([...named, ...(token === subject ? [STRANGER] : [])])];
    })
    .reduce<string[][]>((all, some) => all.flatMap((one) => some.map((value) => [...one, value])), [[]]);
}

type Reading = 'same' | 'other' | 'throws';

/** Almost all rows of a mutation are those of the one before. */
const readings = new Map<string, Reading>();

/** What the loader of a stock adapter on a table of this layout makes of a row that this model has a place for. */
export function readStock(modelText: string, rule: Rule, layout: Layout): Reading {
  const key = JSON.stringify([modelText, layout, rule.ptype, rule.values]);
  const known = readings.get(key);
  if (known !== undefined) return known;
  const reading = readAnew(modelText, rule, layout);
  readings.set(key, reading);
  return reading;
}

function readAnew(modelText: string, rule: Rule, layout: Layout): Reading {
  const { ptype, values } = rule;
  const plain = `${ptype}, ${values.join(', ')}`;
  // typeorm-adapter quotes the values, all others join them.
  const quoted = `${ptype}, ${values.map((value) => `"${value}"`).join(', ')}`;
  const lines = layout === 'columns' ? [plain, quoted] : [plain];
  const read = lines.map((line) => readLine(modelText, line, rule));
  return read.find((reading) => reading !== 'same') ?? 'same';
}

function readLine(modelText: string, line: string, { ptype, values }: Rule): Reading {
  const model = newModelFromString(modelText);
  try {
    Helper.loadPolicyLine(line, model);
  } catch {
    return 'throws';
  }
  const loaded = ['p', 'g'].flatMap((section) =>
    [...(model.model.get(section) ?? [])].flatMap(([key, { policy }]) =>
      policy.map((rule) => JSON.stringify([key, ...rule])),
    ),
  );
  return loaded[0] === JSON.stringify([ptype, ...values]) ? 'same' : 'other';
}

/** Whether roles inherit from each other: in one role definition, and one domain of it. */
export function hasCircle(modelText: string, rules: readonly Rule[]): boolean {
  const definitions = newModelFromString(modelText).model.get('g');
  return [...(definitions ?? [])].some(([ptype, { value }]) => {
    const places = value.split('_').length - 1;
    const links = rules.filter((rule) => rule.ptype === ptype).map(({ values }) => values.slice(0, places));
    const domains = new Set(links.map((link) => link[2]));
    return [...domains].some((domain) => isCircular(links.filter((link) => link[2] === domain)));
  });
}

function isCircular(links: readonly (readonly string[])[]): boolean {
  // A role that nothing inherits from is in no circle; take such away until nothing changes.
  let left = links.filter(([child, parent]) => child !== parent && parent !== undefined);
  for (;;) {
    const next = left.filter(([child]) => left.some(([, parent]) => parent === child));
    if (next.length === left.length) return left.length > 0;
    left = next;
  }
}
