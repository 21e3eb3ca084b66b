import type { OwnershipReport } from '../bootstrap-report.ts';
import type { ClientLike } from '../database/client.ts';
import { type LeftRules, NOTHING_LEFT, type ResolvedOptions } from '../options/resolved-options.ts';
import type { Ownership } from '../policy/ownership.ts';
import { type Rule, ruleKey, toLine } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { removeRules } from '../tables/change-rules.ts';
import { findMissing } from '../tables/insert.ts';
import { moveRules, type RuleMove, readRulesOfRoles } from '../tables/move-rules.ts';
import { forgetRules, readRecordedRules, recordVersion, renameRecorded } from '../tables/rule-record.ts';
import type { RuleTable } from '../tables/rule-table.ts';

/** What was renamed and retired, and what stays. */
export type Changes = Pick<OwnershipReport, 'renamed' | 'removed' | 'reassigned' | 'left' | 'leftOmitted'>;

/** The report of a bootstrap that renamed and retired nothing. */
export const NO_CHANGES = { renamed: [], removed: [], reassigned: 0, left: [], leftOmitted: 0 };

/** How many rules that stay are listed; the others are only counted. */
const LISTED = 10_000;

/** Makes the renames and removals of a version that is new for the database. No other writer may be at work. */
export async function changeOwned(
  client: ClientLike,
  table: RuleTable,
  ownership: Ownership,
): Promise<Changes> {
  const { version, changes } = ownership;
  await recordVersion(client, table, { version, changes });
  if (!changesSome(ownership)) return NO_CHANGES;
  const renamed = await renameRoles(client, table, ownership);
  return { renamed, ...(await retire(client, table, ownership)) };
}

async function renameRoles(
  client: ClientLike,
  table: RuleTable,
  ownership: Ownership,
): Promise<Changes['renamed']> {
  const { renamedRoles: names, rolesAt } = ownership;
  const stored = await readRulesOfRoles(client, table, [...names.keys()], rolesAt);
  const rename = (rule: Rule) => renameIn(rule, ownership);
  await moveRules(client, table, planMoves(stored, rename));
  const recorded = (await readRecordedRules(client, table, 'all')).filter((rule) => rename(rule) !== rule);
  await renameRecorded(client, table, planMoves(recorded, rename));
  return [...names].map(([from, to]) => ({
    from,
    to,
    rules: stored.filter((rule) => namesRole(rule, new Set([from]), ownership)).length,
  }));
}

/** The rules as they are stored, and as a version that is new for the database would rename them. */
export function withRenamed(rules: readonly Rule[], ownership: Ownership): readonly Rule[] {
  if (ownership.renamedRoles.size === 0) return rules;
  return [...rules, ...rules.map((rule) => renameIn(rule, ownership))];
}

/** The new form of each rule; null if it would equal another rule or link a role to itself. */
function planMoves(rules: readonly Rule[], change: (rule: Rule) => Rule): RuleMove[] {
  const taken = new Set<string>();
  return rules.map((from) => {
    const to = change(from);
    const isLinkToItself = to.ptype.startsWith('g') && to.values[0] === to.values[1];
    if (isLinkToItself || taken.has(ruleKey(to))) return { from, to: null };
    taken.add(ruleKey(to));
    return { from, to };
  });
}

/** Renames the roles in a rule; returns the same rule if it names none of them. */
function renameIn(rule: Rule, ownership: Ownership): Rule {
  const { renamedRoles: names } = ownership;
  if (!namesRole(rule, names, ownership)) return rule;
  const values = rule.values.map((value, position) =>
    isRoleAt(rule, position, ownership) ? (names.get(value) ?? value) : value,
  );
  return { ptype: rule.ptype, values };
}

/** Whether a rule names one of the roles as a role, not as a resource. */
function namesRole(rule: Rule, roles: { has(name: string): boolean }, ownership: Ownership): boolean {
  return rule.values.some((value, position) => isRoleAt(rule, position, ownership) && roles.has(value));
}

function isRoleAt({ ptype }: Rule, position: number, { rolesAt }: Ownership): boolean {
  return rolesAt.get(ptype)?.includes(position) ?? false;
}

/**
 * Removes the retired rules, and those of retired roles, that bootstraps have inserted, and gives users another role.
 */
export async function retire(
  client: ClientLike,
  table: RuleTable,
  ownership: Ownership,
): Promise<Omit<Changes, 'renamed'>> {
  const isRetired = retiredTest(ownership.retiredRoles, ownership);
  const recorded = (await readRecordedRules(client, table, 'all')).filter(isRetired);
  const ours = new Set(recorded.filter(({ inserted }) => inserted).map(ruleKey));
  const stored = await readRetired(client, table, ownership);
  const removed = stored.filter((rule) => ours.has(ruleKey(rule)));
  const moved = stored.filter((rule) => !ours.has(ruleKey(rule)) && newRoleOf(rule, ownership) !== null);
  if (removed.length > 0) await removeRules(client, table, removed);
  await moveRules(
    client,
    table,
    planMoves(moved, (rule) => ({ ...rule, values: rule.values.with(1, newRoleOf(rule, ownership) ?? '') })),
  );
  await forgetRules(client, table, recorded);
  // A link that was moved may be left, as where its user is a retired role too.
  const left = chooseLeft(await readRetired(client, table, ownership), ownership);
  return {
    removed: removed.map(toLine),
    reassigned: moved.length,
    left: left.rules,
    leftOmitted: left.omitted,
  };
}

/** The role that replaces a retired one in a link; null for none. */
function newRoleOf({ ptype, values: [, parent = ''] }: Rule, { retiredRoles, rolesAt }: Ownership) {
  return ptype.startsWith('g') && rolesAt.has(ptype) ? (retiredRoles.get(parent) ?? null) : null;
}

function retiredTest(roles: ReadonlyMap<string, unknown>, ownership: Ownership): (rule: Rule) => boolean {
  const keys = new Set(ownership.retiredRules.map(ruleKey));
  return (rule) => keys.has(ruleKey(rule)) || namesRole(rule, roles, ownership);
}

/** Whether the version renames or retires anything. */
export function changesSome({ renamedRoles, retiredRoles, retiredRules }: Ownership): boolean {
  return renamedRoles.size + retiredRoles.size + retiredRules.length > 0;
}

/** Finds rules that are retired, or have a former name, but are stored, because an administrator added them. */
export function chooseLeft(stored: readonly Rule[], ownership: Ownership): LeftRules {
  const { renamedRoles, retiredRoles } = ownership;
  const left = stored.filter(retiredTest(new Map([...renamedRoles, ...retiredRoles]), ownership));
  return {
    rules: left.slice(0, LISTED).map(toLine),
    omitted: Math.max(0, left.length - LISTED),
    isToMove: left.some((rule) => newRoleOf(rule, ownership) !== null),
  };
}

/** The same if the policy was not read, or only a part of it. */
export async function findLeft(
  client: ClientLike,
  { ownership, ruleTable }: ResolvedOptions,
): Promise<LeftRules> {
  if (ownership === null || !changesSome(ownership)) return NOTHING_LEFT;
  return chooseLeft(await readRetired(client, ruleTable, ownership), ownership);
}

/** The stored rules that are retired, or name a retired role or a renamed one by its former name, each once. */
async function readRetired(
  client: ClientLike,
  table: RuleTable,
  { renamedRoles, retiredRoles, retiredRules, rolesAt }: Ownership,
): Promise<Rule[]> {
  const names = [...renamedRoles.keys(), ...retiredRoles.keys()];
  const ofRoles = await readRulesOfRoles(client, table, names, rolesAt);
  const absent = retiredRules.length === 0 ? [] : await findMissing(client, table, retiredRules);
  const present = new RuleSet(retiredRules).without(absent);
  return [...new Map([...ofRoles, ...present].map((rule) => [ruleKey(rule), rule] as const)).values()];
}
