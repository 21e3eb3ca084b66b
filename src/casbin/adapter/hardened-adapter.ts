import type { Model } from 'casbin';
import type { Rule } from '../../policy/rule.ts';
import type { CasbinAdapter } from './casbin-adapter.ts';
import type { Connection } from './connection.ts';
import type { PolicyFilter } from './filter.ts';
import { insertMany } from './insert-many.ts';
import { type IdSource, insertRules, insertRulesInOrder } from './insert-rules.ts';
import { type CheckRules, loadRules } from './load-rules.ts';
import { removeMatchingRules, removeRules } from './remove-rules.ts';
import { replaceRules, rulesOf } from './save-rules.ts';
import { loadStockAdapter, type StockAdapterClass } from './stock-adapter.ts';
import { updateRule } from './update-rule.ts';

/** Up to so many rules, one statement checks and inserts. */
const FEW = 1_000;

type HardenedAdapterClass = new (connection: Connection, table: string, check: CheckRules) => CasbinAdapter;

let loaded: HardenedAdapterClass | undefined;

/** casbin-pg-adapter's class with safe methods; it is made at the first use, as that class is loaded then. */
export function loadHardenedAdapter(): HardenedAdapterClass {
  loaded ??= harden(loadStockAdapter());
  return loaded;
}

function harden(StockAdapter: StockAdapterClass): HardenedAdapterClass {
  return class HardenedAdapter extends StockAdapter implements CasbinAdapter {
    readonly #connection: Connection;
    readonly #table: string;
    readonly #check: CheckRules;
    readonly #ids: IdSource = {};
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
      await this.#connection.run((client) => loadRules(client, this.#table, model, this.#check));
      this.#loadedPart = false;
    }

    /** Loads the rules that the filter lets in; all of them without a filter. */
    override async loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void> {
      if (!filter) return this.loadPolicy(model);
      this.#loadedPart = true;
      await this.#connection.run((client) => loadRules(client, this.#table, model, this.#check, filter));
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
      await this.#connection.run((client) => insertRules(client, this.#table, given, this.#ids));
    }

    addRules(rules: readonly Rule[], report: (done: number) => void = () => {}): Promise<Rule[]> {
      return rules.length > FEW
        ? this.#connection.atomically((client) => insertMany(client, this.#table, rules, report))
        : this.#connection.run((client) => insertRulesInOrder(client, this.#table, rules));
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
