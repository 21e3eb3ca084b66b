import type { Enforcer, Model } from 'casbin';
import { JOURNAL } from '../../migrations/0003_journal.ts';
import { buildInMemoryEnforcer } from '../casbin/enforcer.ts';
import { ruleLengthsOf } from '../casbin/model.ts';
import { patternCheck, refuseHangingPatterns } from '../casbin/patterns.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { WHOLE } from '../casbin/scope.ts';
import { quoteTable } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { engineNamed } from '../database/engine.ts';
import { asClient } from '../database/own-queries.ts';
import { requireAllRows } from '../database/privileges.ts';
import { isConnectionLoss, Session } from '../database/session.ts';
import { inReadOnlyTransaction } from '../database/transaction.ts';
import { StoredRuleError } from '../errors.ts';
import { explainRefusal } from '../failure/explain-refusal.ts';
import type { EnforcerOptions } from '../options.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { isSamePolicy } from '../policy/rule-set.ts';
import { findRuleTable, toTableChoice } from '../tables/find-rule-table.ts';
import { readLivePolicy } from '../tables/live-policy.ts';
import { tableMissing } from '../tables/refusals.ts';
import { possibleNames, type RuleTable } from '../tables/rule-table.ts';
import { asError } from '../text.ts';
import { canChangeInPlace } from './conjuncts-at.ts';
import { canBeFollowed, followJournal, type Position, readPosition } from './follow-journal.ts';
import type { PolicyChange } from './live-enforcer.ts';
import { LiveRules, OutOfStep } from './live-rules.ts';
import { type Motor, readClocks } from './motor.ts';
import type { MovedEnforcer } from './moved-enforcer.ts';
import type { Slice } from './slice.ts';

/** The options of a live enforcer that a look needs. */
export interface LookOptions extends EnforcerOptions {
  readonly onChange?: ((change: PolicyChange) => void) | undefined;
}

/** The looks of a live enforcer at its database, and what it keeps between two of them. */
export class Looking {
  readonly #model: Model;
  /** With what `configureEnforcer` adds to it. */
  #configured: Model | null = null;
  readonly #options: LookOptions;
  readonly #live: MovedEnforcer;
  readonly #motor: Motor;
  readonly #slice: Slice | null;
  readonly #changesInPlace: boolean;
  #table: RuleTable | null = null;
  /** Null if there is no journal. */
  #position: Position | null = null;
  /** The rules of the last read, to notice a change. Not kept if there is a journal. */
  #rules: readonly Rule[] | null = null;

  constructor(model: Model, options: LookOptions, live: MovedEnforcer, motor: Motor, slice: Slice | null) {
    this.#model = model;
    this.#options = options;
    this.#live = live;
    this.#motor = motor;
    this.#slice = slice;
    this.#changesInPlace = options.configureEnforcer === undefined && canChangeInPlace(model);
  }

  async look(client: ClientLike): Promise<void> {
    const began = readClocks();
    const isFirst = this.#table === null;
    const change = await this.#follow(client).catch((error: unknown) => {
      if (error instanceof OutOfStep) return null;
      return this.#explain(error, client);
    });
    const told = change ?? (await this.#reload(client).catch((error) => this.#explain(error, client)));
    this.#motor.confirmed = began;
    this.#motor.error = null;
    if (told !== 'unchanged' && !isFirst) this.#tell(told);
  }

  /** A lost connection is for the follower to explain: the next look has another one. */
  async #explain(error: unknown, client: ClientLike): Promise<never> {
    if (isConnectionLoss(error)) throw error;
    const { schema, table } = this.#options;
    const select = [...possibleNames(toTableChoice(table)), JOURNAL];
    throw await explainRefusal(error, client, 'follow the policy', { schema, select });
  }

  #tell(change: PolicyChange): void {
    this.#live.announce(change);
    tell(
      () => this.#options.onChange?.(change),
      (error) => this.#motor.report(error),
    );
  }

  /** Reads the changes from the journal and applies them. Returns null if everything has to be read. */
  async #follow(client: ClientLike): Promise<PolicyChange | 'unchanged' | null> {
    if (this.#table === null || this.#position === null) return null;
    const { changes: all, position } = await followJournal(client, this.#table, this.#position);
    const changes = this.#slice === null ? all : this.#slice.select(all);
    if (changes === null) return null;
    if (changes.length > 0) {
      if (!this.#changesInPlace) return null;
      await refuseMisfits(this.#model, changes);
      this.#live.change(changes);
    }
    this.#position = position;
    if (changes.length === 0) return 'unchanged';
    const of = (isAdded: boolean) =>
      changes.flatMap(({ ptype, values, rows }) => (rows > 0 === isAdded ? [{ ptype, values }] : []));
    return { reloaded: false, added: of(true), removed: of(false) };
  }

  /** Reads all rules, as of one moment of the database, and replaces the old ones. */
  async #reload(client: ClientLike): Promise<PolicyChange | 'unchanged'> {
    const { schema, table: choice, engine } = this.#options;
    const read = await inReadOnlyTransaction(createKysely(new Session(client)), async (trx) => {
      const found = await findRuleTable(
        asClient(trx),
        schema,
        toTableChoice(choice),
        engine === undefined ? undefined : engineNamed(engine),
      );
      if (found.isMissing) throw tableMissing(found.table.sql);
      // What is hidden may deny, and the journal would tell of it.
      if (!found.table.engine.commitsDdl)
        await requireAllRows(trx, [found.table.sql, quoteTable(JOURNAL, found.table.schema)]);
      const isFollowed = await canBeFollowed(asClient(trx), found.table);
      const position = isFollowed ? await readPosition(asClient(trx), found.table) : null;
      const scope = this.#slice?.scope ?? WHOLE;
      const rules = await readLivePolicy(trx, found.table, scope);
      return { table: found.table, position, rules };
    });
    this.#configured ??= await this.#configure();
    await refuseMisfits(this.#configured, read.rules, read.table);
    const isSame = this.#rules !== null && isSamePolicy(this.#rules, read.rules);
    if (!isSame) await this.#swap(read.rules);
    this.#slice?.take(read.rules);
    this.#table = read.table;
    this.#position = read.position;
    this.#rules = read.position === null ? read.rules : null;
    this.#motor.by = read.position === null || !this.#changesInPlace ? 'reload' : 'journal';
    return isSame ? 'unchanged' : { reloaded: true, added: [], removed: [] };
  }

  /** Once only: all enforcers of the application may have the same role manager, which is emptied. */
  async #configure(): Promise<Model> {
    const configured = await buildInMemoryEnforcer(this.#model, [], this.#options.configureEnforcer);
    this.#live.takeSettings(configured);
    return configured.getModel();
  }

  async #swap(stored: readonly StoredRule[]): Promise<void> {
    if (!this.#changesInPlace) {
      const next = await buildInMemoryEnforcer(this.#model, stored, this.#options.configureEnforcer);
      this.#live.swap(next, null);
      return;
    }
    const empty: Enforcer = await buildInMemoryEnforcer(this.#model, []);
    const rules = new LiveRules(empty.getModel());
    rules.apply(stored.map(({ ptype, values }) => ({ ptype, values, rows: 1 })));
    this.#live.swap(empty, rules);
  }
}

/**
 * Refuses rules that do not fit the model: without them it would decide wrongly, and with them Casbin may throw or
 * hang.
 */
async function refuseMisfits(
  model: Model,
  rules: readonly (Rule & Partial<StoredRule>)[],
  table?: RuleTable,
): Promise<void> {
  const lengths = ruleLengthsOf(model);
  const findFault = patternCheck(model);
  const isFit = (rule: Rule) => lengths.get(rule.ptype) === rule.values.length && findFault(rule) === null;
  const misfits = rules.filter((rule) => !isFit(rule));
  if (misfits.length === 0) return refuseHangingPatterns(model, rules, table);
  const ids = misfits.flatMap(({ id }) => id ?? []);
  const shown = misfits.slice(0, 3).map((rule) => {
    const fault = findFault(rule);
    return `"${formatRule(rule)}"${fault === null ? '' : `: ${fault}`}`;
  });
  const what = table === undefined ? 'rules that were changed' : 'stored rules';
  const remedy = table === undefined || ids.length === 0 ? '' : ` ${table.selectRows(ids.slice(0, 10))}`;
  throw new StoredRuleError(
    `${misfits.length} of ${rules.length} ${what} do not fit the model (${shown.join(', ')}), so it would not decide as they say. Give the model that the database was bootstrapped with, or correct or delete these rows.${remedy}`,
    ids,
    'RULES_DO_NOT_FIT_MODEL',
  );
}

/** Calls a listener. What it throws, or rejects with, is its own fault, and must not stop the enforcer. */
export function tell(listener: () => unknown, refer: (error: Error) => void): void {
  const call = async () => listener();
  call().catch((error: unknown) => refer(asError(error)));
}
