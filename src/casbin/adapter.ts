import type { BatchAdapter, FilteredAdapter, Model, UpdatableAdapter } from 'casbin';
import type { ClientLike, PoolLike } from '../database/client.ts';
import { quoteTable } from '../database/table.ts';
import type { Rule } from '../policy/rule.ts';
import { type Connection, connectionOf } from './adapter/connection.ts';
import type { PolicyFilter } from './adapter/filter.ts';
import { insertRules, insertRulesInOrder } from './adapter/insert-rules.ts';
import { loadRules } from './adapter/load-rules.ts';
import { removeMatchingRules, removeRules } from './adapter/remove-rules.ts';
import { replaceRules, rulesOf } from './adapter/save-rules.ts';
import { StockAdapter } from './adapter/stock-adapter.ts';
import { updateRule } from './adapter/update-rule.ts';

export interface AdapterOptions {
  /** The schema of the `casbin` table. Default: wherever the connection's `search_path` finds it. */
  readonly schema?: string | undefined;
}

/** An adapter with everything that a Casbin enforcer can ask for. */
export interface CasbinAdapter extends BatchAdapter, UpdatableAdapter, FilteredAdapter {
  loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void>;
  /** Whether what was loaded last may be a part of the policy only: the enforcer then refuses to save. */
  isFiltered(): boolean;
  /**
   * Adds the rules of any ptype that are not stored yet, all or none, and returns those, in the order given. For
   * one who writes alone, as a seeder does under the bootstrap lock.
   */
  addRules(rules: readonly Rule[]): Promise<Rule[]>;
  /** With true, isFiltered() stays true; with false, it is false until the next load of a part. */
  enabledFiltered(enabled: boolean): void;
}

/**
 * A casbin-pg-adapter that keeps what it is given: on the same table, for any Casbin enforcer.
 *
 * It never migrates: the table must be there and unique on (ptype, rule), as bootstrapDatabase() leaves it. On
 * a pool, each call has a connection to itself. On a client, calls run one after the other, in the transaction
 * that is open there. A failing savePolicy or updatePolicy leaves that transaction usable; the others are one
 * statement each, and a failing statement aborts a transaction.
 *
 * Its methods throw InvalidOptionsError for a value that PostgreSQL can't store, StoredRuleError for rows that
 * hold no rule, and DatabaseError for a table that is missing or not unique and for a rule too long to index.
 */
export function createAdapter(source: PoolLike | ClientLike, options: AdapterOptions = {}): CasbinAdapter {
  return new HardenedAdapter(connectionOf(source), quoteTable('casbin', options.schema));
}

class HardenedAdapter extends StockAdapter implements CasbinAdapter {
  readonly #connection: Connection;
  readonly #table: string;
  #loadedPart = false;
  #alwaysFiltered = false;

  constructor(connection: Connection, table: string) {
    super({ migrate: false, dbClient: (execute) => connection.run(execute) });
    this.#connection = connection;
    this.#table = table;
  }

  override isFiltered(): boolean {
    return this.#alwaysFiltered || this.#loadedPart;
  }

  override enabledFiltered(enabled: boolean): void {
    this.#alwaysFiltered = enabled;
    this.#loadedPart = false;
  }

  /** Loads every rule of a ptype that the model has, by id. */
  override async loadPolicy(model: Model): Promise<void> {
    // Until it has succeeded: the enforcer has cleared its model by now, and saving that would empty the table.
    this.#loadedPart = true;
    await this.#connection.run((client) => loadRules(client, this.#table, model));
    this.#loadedPart = false;
  }

  /** Loads the rules that the filter lets in; all of them without a filter. */
  override async loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void> {
    if (!filter) return this.loadPolicy(model);
    this.#loadedPart = true;
    await this.#connection.run((client) => loadRules(client, this.#table, model, filter));
  }

  /** Makes the table hold what the model holds, and nothing else; other writers wait meanwhile. Returns true. */
  override async savePolicy(model: Model): Promise<boolean> {
    await this.#connection.atomically((client) => replaceRules(client, this.#table, rulesOf(model)));
    return true;
  }

  override addPolicy(section: string, ptype: string, rule: string[]): Promise<void> {
    return this.addPolicies(section, ptype, [rule]);
  }

  /** Adds the rules that are not stored yet, all or none. Safe beside others who add the same. */
  async addPolicies(_section: string, ptype: string, rules: string[][]): Promise<void> {
    const given = rules.map((values) => ({ ptype, values }));
    await this.#connection.run((client) => insertRules(client, this.#table, given));
  }

  addRules(rules: readonly Rule[]): Promise<Rule[]> {
    return this.#connection.run((client) => insertRulesInOrder(client, this.#table, rules));
  }

  override removePolicy(section: string, ptype: string, rule: string[]): Promise<void> {
    return this.removePolicies(section, ptype, [rule]);
  }

  /** Removes exactly these rules: no value is a pattern, and an empty one is an empty one. */
  removePolicies(_section: string, ptype: string, rules: string[][]): Promise<void> {
    return this.#connection.run((client) =>
      removeRules(
        client,
        this.#table,
        rules.map((values) => ({ ptype, values })),
      ),
    );
  }

  /** Removes what Casbin removes from its model: rules with these values from `fieldIndex` on, `''` for any. */
  override removeFilteredPolicy(
    _section: string,
    ptype: string,
    fieldIndex: number,
    ...fieldValues: string[]
  ): Promise<void> {
    return this.#connection.run((client) =>
      removeMatchingRules(client, this.#table, ptype, fieldIndex, fieldValues),
    );
  }

  /**
   * Puts a rule in the place of another. Throws a DatabaseError with code CONFLICT, and changes nothing, when
   * `oldRule` is not stored any more and `newRule` is not either.
   */
  updatePolicy(_section: string, ptype: string, oldRule: string[], newRule: string[]): Promise<void> {
    return updateRule(this.#connection, this.#table, { ptype, values: oldRule }, { ptype, values: newRule });
  }
}
