import { createRequire } from 'node:module';
import type { BatchAdapter, FilteredAdapter, Model, UpdatableAdapter } from 'casbin';
import type { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import type { PostgresAdapaterOptions } from 'casbin-pg-adapter/lib/model.js';
import { quoteTable } from '../database/catalog.ts';
import { type ClientLike, checkSource, type PoolLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import { type Connection, connectionOf } from './adapter-connection.ts';
import { removeMatchingRules, removeRules, replaceRules, rulesOf, updateRule } from './change.ts';
import { insertRules } from './insert.ts';
import { type CheckRules, loadRules, type PolicyFilter } from './load.ts';

export type { CheckRules } from './load.ts';

/** Where the adapter's table is. */
export interface AdapterOptions {
  /** The schema of the `casbin` table. Default: wherever the connection's `search_path` finds it. */
  readonly schema?: string | undefined;
}

/**
 * A casbin-pg-adapter that keeps what it is given: on the same table, for any Casbin enforcer.
 *
 * It never migrates: the table must be there and unique on (ptype, rule), as bootstrapDatabase() leaves it. On
 * a pool, each call has a connection to itself. On a client, calls run one after the other, in the transaction
 * that is open there. A failing savePolicy or updatePolicy leaves that transaction usable, and so does a
 * StoredRuleError; the others begin with a single statement, and PostgreSQL aborts the transaction when it fails.
 *
 * 2,000 rules or more are loaded in portions, by a cursor in a transaction: all rules of one moment.
 *
 * @throws InvalidOptionsError for a source that is neither a pool nor a client
 *
 * Its methods throw InvalidOptionsError for a value that PostgreSQL can't store, StoredRuleError for rows that
 * hold no rule, and DatabaseError for a table that is missing or not unique and for a rule too long to index.
 *
 * Rules of a ptype that the model does not define are left out when it loads, as by any adapter of Casbin's, so that
 * applications with different models may share a table. The adapter of createEnforcer refuses them.
 */
export function createAdapter(source: PoolLike | ClientLike, options: AdapterOptions = {}): CasbinAdapter {
  return createCheckedAdapter(source, options, () => ({ read() {}, finish() {} }));
}

/** As {@link createAdapter}; the rules of each load have to pass `check` before they get into the model. */
export function createCheckedAdapter(
  source: PoolLike | ClientLike,
  { schema }: AdapterOptions,
  check: CheckRules,
): CasbinAdapter {
  const problems = checkSource(source);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const HardenedAdapter = loadHardenedAdapter();
  return new HardenedAdapter(connectionOf(source), quoteTable('casbin', schema), check);
}

/** An adapter with everything that a Casbin enforcer can ask for. */
export interface CasbinAdapter extends BatchAdapter, UpdatableAdapter, FilteredAdapter {
  /** Loads the rules that the filter lets in; all of them without a filter. */
  loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void>;
  /** Whether what was loaded last may be a part of the policy only: the enforcer then refuses to save. */
  isFiltered(): boolean;
  /** With true, isFiltered() stays true; with false, it is false until the next load of a part. */
  enabledFiltered(enabled: boolean): void;
}

type HardenedAdapterClass = new (connection: Connection, table: string, check: CheckRules) => CasbinAdapter;

let loaded: HardenedAdapterClass | undefined;

/** casbin-pg-adapter's class with safe methods; it is made at the first use, as that class is loaded then. */
function loadHardenedAdapter(): HardenedAdapterClass {
  loaded ??= harden(loadStockAdapter());
  return loaded;
}

function harden(StockAdapter: StockAdapterClass): HardenedAdapterClass {
  return class HardenedAdapter extends StockAdapter implements CasbinAdapter {
    readonly #connection: Connection;
    readonly #table: string;
    readonly #check: CheckRules;
    #loadedPart = false;
    #alwaysFiltered = false;

    constructor(connection: Connection, table: string, check: CheckRules) {
      super({ migrate: false, dbClient: (execute) => connection.run(execute) });
      this.#connection = connection;
      this.#table = table;
      this.#check = check;
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
      await loadRules(this.#connection, this.#table, model, this.#check);
      this.#loadedPart = false;
    }

    /** Loads the rules that the filter lets in; all of them without a filter. */
    override async loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void> {
      if (!filter) return this.loadPolicy(model);
      this.#loadedPart = true;
      await loadRules(this.#connection, this.#table, model, this.#check, filter);
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
      return updateRule(
        this.#connection,
        this.#table,
        { ptype, values: oldRule },
        { ptype, values: newRule },
      );
    }
  };
}

/** Its constructor is private in the types only: `newAdapter()` is that constructor followed by `open()`. */
export type StockAdapterClass = new (options: PostgresAdapaterOptions) => PostgresAdapter;

/**
 * Loads casbin-pg-adapter's class, open for extension; `open()` migrates unless told not to.
 *
 * With it come pg, node-pg-migrate and Casbin's second build, so it is loaded when an adapter is made, and not by
 * who imports this library for a policy or a type.
 */
export function loadStockAdapter(): StockAdapterClass {
  const stock: { PostgresAdapter: StockAdapterClass } = createRequire(import.meta.url)(
    'casbin-pg-adapter/lib/adapter.js',
  );
  return stock.PostgresAdapter;
}
