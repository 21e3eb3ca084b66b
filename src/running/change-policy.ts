import { RECORDED_RULES } from '../../migrations/0004_ownership.ts';
import { ruleFieldsOf } from '../casbin/model.ts';
import { quoteTable } from '../database/catalog.ts';
import { readChangeContext, setChangeContext } from '../database/change-context.ts';
import { type ClientLike, checkClient } from '../database/client.ts';
import { detectEngine } from '../database/engine.ts';
import type { Needs } from '../database/privileges.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { explainRefusal } from '../failure/explain-refusal.ts';
import { completeOptions } from '../options/resolve.ts';
import { onEngine, type ResolvedOptions, withRuleTable } from '../options/resolved-options.ts';
import type { BootstrapOptions } from '../options.ts';
import { findMisfits, findUnstorable } from '../policy/check.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { formatRule, type PlacedRule, type Rule, ruleKey, toLine, toRule } from '../policy/rule.ts';
import { type Connection, connectionOf } from '../tables/adapter-connection.ts';
import { removeRules } from '../tables/change-rules.ts';
import { findRuleTable } from '../tables/find-rule-table.ts';
import { insertRules } from '../tables/insert.ts';
import { lockRules } from '../tables/locks.ts';
import { explainEncoding, tableMissing } from '../tables/refusals.ts';
import { recordRevocation, selectRecorded } from '../tables/rule-record.ts';
import { givenRules, type RuleTable } from '../tables/rule-table.ts';
import { linkOfUsers } from '../verification/parts.ts';
import { isJournaled } from './follow-journal.ts';
import { guardPromises } from './guard-promises.ts';
import type {
  ChangeOptions,
  ChangeReport,
  ChangesFor,
  ChangeValues,
  PolicyChanges,
} from './policy-changes.ts';
import { findMisfitting } from './usable-rules.ts';

/**
 * Changes the policy on the caller's client, in the transaction that is open there: the change is rolled back with that
 * transaction, and others see it after the commit. Without an open transaction, it opens one of its own. When it
 * throws, the transaction stays usable, and nothing was changed.
 *
 * @throws InvalidOptionsError for a change that does not fit the model or the table, names a role that nobody knows, or
 *   makes roles inherit in a circle
 * @throws PolicyChangeError `CHANGE_REFUSED` for a change that allows a request that must `never` be allowed
 * @throws PermissionError with the privileges that have to be granted
 * @throws LockTimeoutError when the `lock_timeout` of the connection ends the wait for another writer
 * @throws ConnectionError `CONNECTION_LOST` when the connection is lost, and `OUTCOME_UNKNOWN` when it is lost at the
 *   commit of the transaction that this function has opened
 * @throws DatabaseError `TABLE_MISSING` where there is no rule table, `READ_ONLY_DATABASE` in a transaction that only
 *   reads, `TRANSACTION_ABORTED` in one that an earlier error has aborted, and as the adapter
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
  const resolved = await completeOptions({ ...rest, policy: rest.policy ?? null, ...NOT_OF_CHANGES }, []);
  const { grant, revoke, assign, unassign } = changes;
  const link = linkOfUsers(resolved.model);
  const added = [...toRules('p', 'grant', grant), ...toRules(link, 'assign', assign)];
  const removed = [...toRules('p', 'revoke', revoke), ...toRules(link, 'unassign', unassign)];
  await requireSound(resolved, added, removed);
  const connection = connectionOf(client);
  let known = resolved;
  const explain = async (error: unknown) => {
    const unstorable = explainEncoding([...added, ...removed], error);
    if (unstorable !== undefined) throw unstorable;
    const needs = needsOf(known, added.length > 0, removed.length > 0);
    throw await connection.run((inside) => explainRefusal(error, inside, 'change the policy', needs));
  };
  const engine =
    options.engine === undefined ? await connection.run(detectEngine).catch(explain) : resolved.engine;
  const given = onEngine(resolved, engine);
  const makeChange = async (inside: ClientLike) => {
    const { table, isMissing } = await findRuleTable(inside, given.schema, given.table, given.engine);
    if (isMissing) throw tableMissing(table.sql);
    const located = { ...withRuleTable(given, table), schema: given.schema ?? table.schema };
    known = located;
    const told = { actor, reason: force && reason ? `forced: ${reason}` : reason };
    const before = given.engine.hasSettings ? await readChangeContext(inside) : null;
    if (before !== null) await setChangeContext(inside, told);
    const change = async () => {
      await requireFitsDatabase(inside, located, added, removed);
      return apply(inside, table, added, removed);
    };
    const changed = force ? await change() : await guardPromises(inside, located, change);
    const comesBack = await recordWhoChanged(inside, located, changed.removed.map(toRule), {
      added,
      removed,
      actor,
      reason,
    });
    // Statements of the application that follow are not part of this change.
    if (before !== null) await setChangeContext(inside, before);
    const report = { ...changed, comesBack, journaled: await isJournaled(inside, table) };
    if (dryRun) throw new TakenBack(report);
    return report;
  };
  return connection.atomically(makeChange, given.engine).catch((error: unknown) => {
    return error instanceof TakenBack ? error.report : explain(error);
  });
}

/** Shared options may say this of a bootstrap. It makes no difference to a change, and to what one must never allow. */
const NOT_OF_CHANGES: BootstrapOptions = { seeders: [], migrations: false, verify: {} };

/** Rows are locked before they are removed. */
function needsOf({ schema, ruleTable }: ResolvedOptions, adds: boolean, removes: boolean): Partial<Needs> {
  const insert = adds ? [ruleTable.name] : [];
  const remove = removes ? [ruleTable.name] : [];
  return { schema, insert, remove, select: [RECORDED_RULES], lock: [RECORDED_RULES, ...remove] };
}

/** Rolls back a change that was only tried, and carries its report. */
class TakenBack extends Error {
  readonly report: ChangeReport;

  constructor(report: ChangeReport) {
    super();
    this.report = report;
  }
}

function toRules(
  ptype: string,
  name: keyof PolicyChanges,
  given: readonly (readonly (string | undefined)[])[] = [],
): PlacedRule[] {
  return given.map((rule, index) => ({
    ptype,
    values: rule.flatMap((value) => value ?? []),
    at: `${name}[${index}]`,
  }));
}

/**
 * Refuses rules that do not fit the model, and rules that are given twice. Those that Casbin would not use can be
 * removed.
 */
async function requireSound(
  { model }: ResolvedOptions,
  added: readonly PlacedRule[],
  removed: readonly PlacedRule[],
): Promise<void> {
  const rules = [...added, ...removed];
  const problems = [
    ...(await findMisfitting(model, added)),
    ...findMisfits(removed, ruleFieldsOf(model)),
    ...findUnstorable(rules),
    ...findGivenTwice(rules),
  ];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

function findGivenTwice(rules: readonly PlacedRule[]): Problem[] {
  const seen = new Map<string, PlacedRule>();
  return rules.flatMap((rule): Problem[] => {
    const other = seen.get(ruleKey(rule));
    if (other === undefined) seen.set(ruleKey(rule), rule);
    if (other === undefined) return [];
    const message = `rule "${formatRule(rule)}" is at ${other.at} too. Give it once, to be added or to be removed.`;
    return [{ code: 'RULE_DUPLICATE', at: rule.at, message }];
  });
}

/** Refuses rules that do not fit the table, unknown roles, and circles of roles. */
async function requireFitsDatabase(
  client: ClientLike,
  options: ResolvedOptions,
  added: readonly PlacedRule[],
  removed: readonly PlacedRule[],
): Promise<void> {
  const { findCircles, findUnknownRoles } = await import('./assigned-roles.ts');
  const problems = [
    ...options.ruleTable.findUnfit(added),
    ...(await findUnknownRoles(client, options, added)),
    ...(await findCircles(client, options, added, removed)),
  ];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** Adds and removes rules, and returns those that really changed. Other writers of the same rules wait meanwhile. */
async function apply(
  client: ClientLike,
  table: RuleTable,
  added: readonly Rule[],
  removed: readonly Rule[],
): Promise<Pick<ChangeReport, 'added' | 'removed'>> {
  const run: Connection['run'] = (work) => work(client);
  const inside: Connection = { run, change: run, atomically: run };
  await lockRules(client, table, [...added, ...removed]);
  const [present, leaving] = [
    await findStored(client, table, added),
    await findStored(client, table, removed),
  ];
  if (removed.length > 0) await removeRules(client, table, removed);
  if (added.length > 0) await insertRules(inside, table, added);
  return {
    added: added.filter((rule) => !present.has(rule)).map(toLine),
    removed: removed.filter((rule) => leaving.has(rule)).map(toLine),
  };
}

/**
 * Updates the record that bootstraps keep of defined rules, if there is one: a rule that was revoked with a reason is
 * not inserted again; one that is granted is treated as before.
 *
 * @param gone the removed rules that were stored
 * @returns those of them that the next bootstrap inserts again
 */
async function recordWhoChanged(
  client: ClientLike,
  { ruleTable: table, defined, ownership }: ResolvedOptions,
  gone: readonly Rule[],
  {
    added,
    removed,
    actor,
    reason,
  }: { added: readonly Rule[]; removed: readonly Rule[] } & Pick<ChangeOptions, 'actor' | 'reason'>,
): Promise<(readonly string[])[]> {
  const { rows } = await client.query('select to_regclass($1) is not null as "isThere"', [
    quoteTable(RECORDED_RULES, table.schema),
  ]);
  const lost = gone.filter((rule) => defined.has(rule));
  if (!rows[0].isThere) return lost.map(toLine);
  await recordRevocation(client, table, added, null);
  if (reason !== undefined) await recordRevocation(client, table, removed, { actor, reason });
  // What a bootstrap has not recorded is new for the next one.
  const isKept = (rule: Rule) => ownership !== null && (reason !== undefined || ownership.keeps(rule));
  const known = await selectRecorded(client, table, lost.filter(isKept));
  return lost.filter((rule) => !known.has(rule)).map(toLine);
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

/** Makes single changes, as {@link changePolicy} does: each by itself, in the transaction that is open. */
export interface PolicyEditor<Policy> {
  /** Adds a rule of `p`: `grant('clerk', 'invoices', 'write')`. */
  grant(...rule: ChangeValues<Policy, 'grant'>): Promise<ChangeReport>;
  /** Removes a rule of `p`. */
  revoke(...rule: ChangeValues<Policy, 'revoke'>): Promise<ChangeReport>;
  /** Gives a user a role: `assign('carol', 'clerk')`, and in a domain `assign('carol', 'clerk', 'tenant1')`. */
  assign(...assignment: ChangeValues<Policy, 'assign'>): Promise<ChangeReport>;
  /** Takes a role from a user. */
  unassign(...assignment: ChangeValues<Policy, 'unassign'>): Promise<ChangeReport>;
}

/**
 * Offers the changes of {@link changePolicy} as methods, for an application that makes them one at a time. If a
 * definition is given, only its names compile.
 *
 * @example
 * const policies = createPolicyEditor(client, { policy, actor: request.user.name });
 * await policies.assign('carol', 'clerk');
 */
export function createPolicyEditor<Policy extends PolicyDefinition | string = string>(
  client: ClientLike,
  options: ChangeOptions<Policy>,
): PolicyEditor<Policy> {
  const change =
    (kind: 'grant' | 'revoke' | 'assign' | 'unassign') =>
    (...values: readonly string[]) =>
      changePolicy(client, { [kind]: [values] }, options as ChangeOptions<string>);
  return {
    grant: change('grant'),
    revoke: change('revoke'),
    assign: change('assign'),
    unassign: change('unassign'),
  } as PolicyEditor<Policy>;
}
