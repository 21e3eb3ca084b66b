import { RECORDED_RULES } from '../../migrations/0004_ownership.ts';
import { ruleLengthsOf } from '../casbin/model.ts';
import { quoteTable } from '../database/catalog.ts';
import { type ClientLike, checkClient } from '../database/client.ts';
import { detectEngine } from '../database/engine.ts';
import type { Needs } from '../database/privileges.ts';
import { readChangeContext, setChangeContext } from '../database/transaction.ts';
import { InvalidOptionsError } from '../errors.ts';
import { explainPrivileges } from '../failure/explain-privileges.ts';
import { completeOptions } from '../options/resolve.ts';
import { onEngine, type ResolvedOptions, withRuleTable } from '../options/resolved-options.ts';
import type { EnforcerOptions } from '../options.ts';
import { findMisfits } from '../policy/check.ts';
import type {
  DomainPolicyDefinition,
  DomainRequest,
  PolicyDefinition,
  PolicyRequest,
} from '../policy/definition.ts';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';
import { type Connection, connectionOf } from '../tables/adapter-connection.ts';
import { removeRules } from '../tables/change.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { insertRules, lockRules } from '../tables/insert.ts';
import { tableMissing } from '../tables/refusals.ts';
import { recordGranted, recordRevoked } from '../tables/rule-record.ts';
import { givenRules, type RuleTable } from '../tables/rule-table.ts';
import { isJournaled } from './follow-journal.ts';
import { guardPromises } from './guard-promises.ts';

/** Changes of a policy; together, or none of them. */
export interface PolicyChanges<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
> {
  /** Rules of `p` to add: `['clerk', 'invoices', 'write']`. Those that are stored already stay. */
  readonly grant?: readonly PolicyRequest<Role, Resource, Action>[];
  /** Rules of `p` to remove. */
  readonly revoke?: readonly PolicyRequest<Role, Resource, Action>[];
  /** Who gets which role, in a domain where the model has some: `['carol', 'clerk']`. */
  readonly assign?: readonly RoleAssignment<Role>[];
  /** Who loses which role. */
  readonly unassign?: readonly RoleAssignment<Role>[];
}

/** A user, a role, and a domain where the model has some. */
export type RoleAssignment<Role extends string = string> = readonly [
  user: string,
  role: Role,
  domain?: string,
];

/** The same for a definition with `domains`, whose names it has: every rule and every assignment is of one domain. */
export interface DomainPolicyChanges<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
  Domain extends string = string,
> {
  /** Rules of `p` to add: `['clerk', 'tenant1', 'invoices', 'write']`. Those that are stored already stay. */
  readonly grant?: readonly DomainRequest<Role, Resource, Action, Domain>[];
  /** Rules of `p` to remove. */
  readonly revoke?: readonly DomainRequest<Role, Resource, Action, Domain>[];
  /** Who gets which role where: `['carol', 'clerk', 'tenant1']`. */
  readonly assign?: readonly DomainRoleAssignment<Role, Domain>[];
  /** Who loses which role where. */
  readonly unassign?: readonly DomainRoleAssignment<Role, Domain>[];
}

/** A user, a role, and the domain in which the user has it. */
export type DomainRoleAssignment<Role extends string = string, Domain extends string = string> = readonly [
  user: string,
  role: Role,
  domain: Domain,
];

/** The changes that a definition allows, by its names; any, where it is the path of a file, or there is none. */
export type ChangesFor<Policy> =
  Policy extends DomainPolicyDefinition<infer Role, infer Resource, infer Action, infer Domain>
    ? DomainPolicyChanges<Role, Resource, Action, Domain>
    : Policy extends PolicyDefinition<infer Role, infer Resource, infer Action>
      ? PolicyChanges<Role, Resource, Action>
      : PolicyChanges;

/** Who changes a policy, why, and which one. */
export interface ChangeOptions<Policy extends PolicyDefinition | string = PolicyDefinition | string>
  extends EnforcerOptions {
  /** Who makes the change, in the application's own words; the journal has it. */
  readonly actor: string;
  /** Why; the journal has it. A defined rule that is revoked with a reason is not brought back by a bootstrap. */
  readonly reason?: string;
  /**
   * The definition that the database was bootstrapped with: its roles are known, and what must `never` be allowed is
   * refused. Default: none.
   */
  readonly policy?: Policy;
  /** Make a change that violates a `never` all the same. It needs a reason, which is recorded as `forced: …`. */
  readonly force?: boolean;
  /** Try the change, take it back, and report what it would do. Default: false. */
  readonly dryRun?: boolean;
}

/** What was changed, ptype first; what was so already is left out. */
export interface ChangeReport {
  /** The rules that were not there before. */
  readonly added: readonly (readonly string[])[];
  /** The rules that are not there any more. */
  readonly removed: readonly (readonly string[])[];
  /** Whether the table has a journal, which keeps actor and reason. */
  readonly journaled: boolean;
}

/**
 * Changes the policy on the caller's client, in the transaction that is open there: it is rolled back with that one, and
 * others see it after its commit. Without an open transaction it makes one of its own. When it throws, the transaction
 * stays usable, and nothing was changed.
 *
 * @throws InvalidOptionsError for a change that does not fit the model or the table, names a role that nobody knows, or
 *   has roles inherit in a circle
 * @throws PolicyChangeError `CHANGE_REFUSED` for one by which something is allowed that must never be
 * @throws PermissionError with what has to be granted
 * @throws DatabaseError `TABLE_MISSING` where there is no rule table, and as the adapter
 */
export function changePolicy<Policy extends PolicyDefinition | string = string>(
  client: ClientLike,
  changes: ChangesFor<NoInfer<Policy>>,
  options: ChangeOptions<Policy>,
): Promise<ChangeReport>;
export async function changePolicy(
  client: ClientLike,
  changes: PolicyChanges,
  options: ChangeOptions,
): Promise<ChangeReport> {
  const { checkChangeShape } = await import('../options/running-shape.ts');
  const misshapen = [...checkClient(client), ...checkChangeShape(changes, options)];
  if (misshapen.length > 0) throw new InvalidOptionsError(misshapen);
  const { actor, reason, force = false, dryRun = false, ...rest } = options;
  const resolved = await completeOptions({ ...rest, policy: rest.policy ?? null, seeders: [] }, []);
  const { grant, revoke, assign, unassign } = changes;
  const added = [...toRules('p', 'grant', grant), ...toRules('g', 'assign', assign)];
  const removed = [...toRules('p', 'revoke', revoke), ...toRules('g', 'unassign', unassign)];
  requireSound(resolved, [...added, ...removed]);
  const given = onEngine(
    resolved,
    options.engine === undefined ? await detectEngine(client) : resolved.engine,
  );
  const connection = connectionOf(client);
  const makeChange = async (inside: ClientLike) => {
    const { table, isMissing } = await findRuleTable(inside, given.schema, given.table, given.engine);
    if (isMissing) throw tableMissing(table.sql);
    const located = withRuleTable(given, table);
    requireRoom(table, added);
    await requireSoundRoles(inside, located, added, removed);
    const told = { actor, reason: force && reason ? `forced: ${reason}` : reason };
    const before = given.engine.hasSettings ? await readChangeContext(inside) : null;
    if (before !== null) await setChangeContext(inside, told);
    const change = () => apply(inside, table, added, removed);
    const changed = force ? await change() : await guardPromises(inside, located, change);
    await recordWhoChanged(inside, table, { added, removed, actor, reason });
    // What the application's own statements change afterwards is not this change.
    if (before !== null) await setChangeContext(inside, before);
    return { ...changed, journaled: !given.engine.commitsDdl && (await isJournaled(inside, table)) };
  };
  const explain = async (error: unknown) => {
    throw await explainPrivileges(error, client, 'change the policy', needsOf(given, removed.length > 0));
  };
  if (!dryRun) return connection.atomically(makeChange, given.engine).catch(explain);
  const trial = async (inside: ClientLike) => {
    throw new TakenBack(await makeChange(inside));
  };
  return connection.atomically(trial, given.engine).catch((error: unknown) => {
    return error instanceof TakenBack ? error.report : explain(error);
  });
}

function needsOf({ schema, ruleTable }: ResolvedOptions, removes: boolean): Partial<Needs> {
  const table = [ruleTable.name];
  const change = removes ? { change: table } : { insert: table };
  return { schema, ...change, select: [RECORDED_RULES], lock: [RECORDED_RULES] };
}

/** Has a change that was only tried taken back. */
class TakenBack extends Error {
  readonly report: ChangeReport;

  constructor(report: ChangeReport) {
    super();
    this.report = report;
  }
}

interface PlacedRule extends Rule {
  readonly at: string;
}

function toRules(
  ptype: 'p' | 'g',
  name: keyof PolicyChanges,
  given: readonly (readonly (string | undefined)[])[] = [],
): PlacedRule[] {
  return given.map((rule, index) => ({
    ptype,
    values: rule.flatMap((value) => value ?? []),
    at: `${name}[${index}]`,
  }));
}

/** Refuses what the model has no place for, and what is to be added and removed at once. */
function requireSound({ model }: ResolvedOptions, rules: readonly PlacedRule[]): void {
  const problems = findMisfits(rules, ruleLengthsOf(model));
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const seen = new Map<string, PlacedRule>();
  for (const rule of rules) {
    const other = seen.get(ruleKey(rule));
    if (other === undefined) seen.set(ruleKey(rule), rule);
    else {
      const message = `rule "${formatRule(rule)}" is at ${other.at} too. Give it once, to be added or to be removed.`;
      problems.push({ code: 'RULE_DUPLICATE', at: rule.at, message });
    }
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

function requireRoom(table: RuleTable, rules: readonly PlacedRule[]): void {
  const problems = table.findUnfit(rules);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** Refuses roles that nobody knows, and circles of roles. */
async function requireSoundRoles(
  client: ClientLike,
  options: ResolvedOptions,
  added: readonly PlacedRule[],
  removed: readonly PlacedRule[],
): Promise<void> {
  const { findCircles, findUnknownRoles } = await import('./assigned-roles.ts');
  const problems = [
    ...(await findUnknownRoles(client, options, added)),
    ...(await findCircles(client, options.ruleTable, added, removed)),
  ];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** Adds and removes, and tells which of it was not so before. Others who write the same rules wait meanwhile. */
async function apply(
  client: ClientLike,
  table: RuleTable,
  added: readonly Rule[],
  removed: readonly Rule[],
): Promise<Omit<ChangeReport, 'journaled'>> {
  const inside: Connection = { run: (work) => work(client), atomically: (work) => work(client) };
  await lockRules(client, table, [...added, ...removed]);
  const [present, leaving] = [
    await findStored(client, table, added),
    await findStored(client, table, removed),
  ];
  if (removed.length > 0) await removeRules(client, table, removed);
  if (added.length > 0) await insertRules(inside, table, added);
  const toArray = ({ ptype, values }: Rule) => [ptype, ...values];
  return {
    added: added.filter((rule) => !present.has(rule)).map(toArray),
    removed: removed.filter((rule) => leaving.has(rule)).map(toArray),
  };
}

/**
 * Where bootstraps keep a record of defined rules: those that are revoked with a reason stay away, and those that are
 * granted are as defined again.
 */
async function recordWhoChanged(
  client: ClientLike,
  table: RuleTable,
  change: {
    readonly added: readonly Rule[];
    readonly removed: readonly Rule[];
    readonly actor: string;
    readonly reason: string | undefined;
  },
): Promise<void> {
  const { rows } = await client.query('select to_regclass($1) is not null as "isThere"', [
    quoteTable(RECORDED_RULES, table.schema),
  ]);
  if (!rows[0].isThere) return;
  const { added, removed, actor, reason } = change;
  await recordGranted(client, table, added);
  if (reason !== undefined) await recordRevoked(client, table, removed, { actor, reason });
}

async function findStored(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<ReadonlySet<Rule>> {
  if (rules.length === 0) return new Set();
  const given = table.give(rules);
  const { rows } = await client.query(
    `select given.n::int as n from ${givenRules(given)}
     where exists (select from ${table.sql} stored where ${given.isSame('stored')})`,
    [...given.arrays],
  );
  return new Set(rows.flatMap(({ n }) => rules[Number(n) - 1] ?? []));
}
