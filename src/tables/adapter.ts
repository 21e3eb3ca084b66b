import { createRequire } from 'node:module';
import type { BatchAdapter, FilteredAdapter, Model, UpdatableAdapter } from 'casbin';
import type { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import type { PostgresAdapaterOptions } from 'casbin-pg-adapter/lib/model.js';
import type { EngineName } from '../bootstrap-report.ts';
import { rulesOf } from '../casbin/model.ts';
import { type ClientLike, checkSource, type PoolLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { engineNamed } from '../database/engine.ts';
import { findTableLockHolders } from '../database/lock.ts';
import { explainRefusedWork } from '../database/refused-work.ts';
import { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';
import {
  type Connection,
  connectionOf,
  runAlone,
  type TableFinder,
  tableFinder,
} from './adapter-connection.ts';
import { removeMatchingRules, removeRules, replaceRules, updateRule } from './change-rules.ts';
import { checkTable, toTableChoice } from './find-rule-table.ts';
import { insertRules } from './insert.ts';
import { type CheckRules, loadRules, type PolicyFilter } from './load.ts';
import type { RuleTable, RuleTableOptions } from './rule-table.ts';

export type { CheckRules } from './load.ts';

/** Where the adapter's table is. */
export interface AdapterOptions {
  /** The schema of the rule table. Default: wherever the connection's `search_path` finds it. */
  readonly schema?: string | undefined;
  /** The rule table, or its name, as for a bootstrap. Default: the one that is there under a usual name. */
  readonly table?: string | RuleTableOptions | undefined;
  /** Which engine the server is, as for a bootstrap. Default: what the server says. */
  readonly engine?: EngineName | undefined;
}

/**
 * A casbin-pg-adapter that stores and loads values unchanged: on the same table, for any Casbin enforcer.
 *
 * It never migrates: the table must be there and unique on (ptype, rule), as bootstrapDatabase() leaves it. On
 * a pool, each call has a connection to itself. On a client, calls run one after the other, in the transaction
 * that is open there. That transaction stays usable after a failing savePolicy or updatePolicy, and after a
 * StoredRuleError. The other methods run a single statement, and PostgreSQL aborts the transaction when it fails.
 *
 * In a table without uniqueness, that transaction must be `read committed`: at a stricter level it doesn't see a rule
 * that somebody has stored since it began, and stores it a second time.
 *
 * 2,000 rules or more are loaded in portions, by a cursor in a transaction, as they are at one moment.
 *
 * @throws InvalidOptionsError for a source that is neither a pool nor a client, or a table without a name
 *
 * Its methods throw InvalidOptionsError for a value that PostgreSQL can't store, StoredRuleError for rows that
 * hold no rule, DatabaseError for a table that is missing or not unique, for a rule too long to index, and for a
 * transaction that only reads or was aborted, LockTimeoutError, and ConnectionError when there is no connection or it
 * is lost: `OUTCOME_UNKNOWN` where the change may have been committed.
 *
 * Rules of a ptype that the model does not define are left out when it loads, as by any adapter of Casbin's, so that
 * applications with different models may share a table. The adapter of createEnforcer refuses them.
 */
export function createAdapter(source: PoolLike | ClientLike, options: AdapterOptions = {}): CasbinAdapter {
  return createCheckedAdapter(source, options, UNCHECKED, 0);
}

/** What the rules of an adapter have to be. */
export interface RuleChecks {
  /** Creates the check of one load: what it refuses does not get into the model. */
  readonly read: CheckRules;
  /**
   * Throws for rules that must not be stored; with the model that is saved, if all of its rules are. It gets what
   * Casbin's caller has given, which may be other values than texts.
   */
  readonly write: (rules: readonly Rule[], model?: Model) => Promise<void>;
}

/** Lets all rules in. */
export const UNCHECKED: RuleChecks = { read: () => ({ read() {}, finish() {} }), async write() {} };

/** As {@link createAdapter}, for rules that pass `checks`. */
export function createCheckedAdapter(
  source: PoolLike | ClientLike,
  { schema, table, engine }: AdapterOptions,
  checks: RuleChecks,
  connectTimeoutMs: number,
): CasbinAdapter {
  const problems = [...checkSource(source), ...checkTable(table)];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const HardenedAdapter = loadHardenedAdapter();
  const connection = connectionOf(source, { connectTimeoutMs });
  const given = engine === undefined ? undefined : engineNamed(engine);
  return new HardenedAdapter(
    connection,
    tableFinder(connection, schema, toTableChoice(table), given),
    checks,
  );
}

/** The adapter of a table that is known. */
export function createAdapterOf(client: ClientLike, table: RuleTable): CasbinAdapter {
  const HardenedAdapter = loadHardenedAdapter();
  const find = async () => table;
  return new HardenedAdapter(connectionOf(client), { last: find, now: find }, UNCHECKED);
}

/** An adapter with everything that a Casbin enforcer can ask for. */
export interface CasbinAdapter extends BatchAdapter, UpdatableAdapter, FilteredAdapter {
  /** Loads the rules that the filter lets in; all of them without a filter. */
  loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void>;
  /** Whether the last load may have loaded only a part of the policy: the enforcer then refuses to save. */
  isFiltered(): boolean;
  /** With true, isFiltered() stays true; with false, it is false until the next load of a part. */
  enabledFiltered(enabled: boolean): void;
}

type HardenedAdapterClass = new (
  connection: Connection,
  table: TableFinder,
  checks: RuleChecks,
) => CasbinAdapter;

let loaded: HardenedAdapterClass | undefined;

/** casbin-pg-adapter's class with safe methods. It is made at the first use, because that class is loaded then. */
function loadHardenedAdapter(): HardenedAdapterClass {
  loaded ??= harden(loadStockAdapter());
  return loaded;
}

function harden(StockAdapter: StockAdapterClass): HardenedAdapterClass {
  return class HardenedAdapter extends StockAdapter implements CasbinAdapter {
    readonly #connection: Connection;
    readonly #table: TableFinder;
    readonly #checks: RuleChecks;
    #loadedPart = false;
    #alwaysFiltered = false;

    constructor(connection: Connection, table: TableFinder, checks: RuleChecks) {
      super({ migrate: false, dbClient: (execute) => connection.run(execute) });
      this.#connection = connection;
      this.#table = table;
      this.#checks = checks;
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
      // True until it has succeeded: the enforcer has cleared its model, and saving that would empty the table.
      this.#loadedPart = true;
      await this.#told('load the policy', async () =>
        loadRules(this.#connection, await this.#table.now(), model, this.#checks.read),
      );
      this.#loadedPart = false;
    }

    /** Loads the rules that the filter lets in; all of them without a filter. */
    override async loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void> {
      if (!filter) return this.loadPolicy(model);
      this.#loadedPart = true;
      await this.#told('load the policy', async () =>
        loadRules(this.#connection, await this.#table.now(), model, this.#checks.read, filter),
      );
    }

    /** Makes the table hold what the model holds, and nothing else; other writers wait meanwhile. Returns true. */
    override async savePolicy(model: Model): Promise<boolean> {
      const rules = rulesOf(model);
      await this.#checks.write(rules, model);
      await this.#write((table) =>
        this.#connection.atomically((client) => replaceRules(client, table, rules), table.engine),
      );
      return true;
    }

    override addPolicy(section: string, ptype: string, rule: string[]): Promise<void> {
      return this.addPolicies(section, ptype, [rule]);
    }

    /** Adds the rules that are not stored yet, all or none. Others may add the same rules at the same time. */
    async addPolicies(_section: string, ptype: string, rules: string[][]): Promise<void> {
      const given = rules.map((values) => ({ ptype, values }));
      await this.#checks.write(given);
      await this.#write((table) => insertRules(this.#connection, table, given));
    }

    override removePolicy(section: string, ptype: string, rule: string[]): Promise<void> {
      return this.removePolicies(section, ptype, [rule]);
    }

    /** Removes exactly these rules: no value is a pattern, and an empty value matches only an empty one. */
    async removePolicies(_section: string, ptype: string, rules: string[][]): Promise<void> {
      const given = rules.map((values) => ({ ptype, values }));
      await this.#write((table) =>
        runAlone(this.#connection, (client) => removeRules(client, table, given), table.engine),
      );
    }

    /** Removes what Casbin removes from its model: rules with these values from `fieldIndex` on, `''` for any. */
    override async removeFilteredPolicy(
      _section: string,
      ptype: string,
      fieldIndex: number,
      ...fieldValues: string[]
    ): Promise<void> {
      await this.#write((table) =>
        runAlone(
          this.#connection,
          (client) => removeMatchingRules(client, table, ptype, fieldIndex, fieldValues),
          table.engine,
        ),
      );
    }

    /**
     * Replaces a rule. Throws a DatabaseError with code CONFLICT, and changes nothing, when
     * `oldRule` is not stored any more and `newRule` is not either.
     */
    async updatePolicy(_section: string, ptype: string, oldRule: string[], newRule: string[]): Promise<void> {
      const previous = { ptype, values: oldRule };
      const next = { ptype, values: newRule };
      await this.#checks.write([next]);
      await this.#write((table) => updateRule(this.#connection, table, previous, next));
    }

    /** Nothing is written into a table that the rules do not fit. They may fit it with the columns that it has now. */
    async #write(write: (table: RuleTable) => Promise<void>): Promise<void> {
      await this.#told('write rules', async () =>
        write(await this.#table.last()).catch(async (error: unknown) => {
          if (!isOfOtherColumns(error)) throw error;
          // In a transaction that the first error has aborted, the table can't be looked for.
          const table = await this.#table.now().catch(() => Promise.reject(error));
          await write(table);
        }),
      );
    }

    async #told(what: string, call: () => Promise<void>): Promise<void> {
      await call().catch(async (error: unknown) => {
        throw await explainRefusedWork(error, what, async () => {
          const { schema, name } = await this.#table.last();
          return this.#connection.run((client) =>
            findTableLockHolders(createKysely(new Session(client)), schema, [name]),
          );
        });
      });
    }
  };
}

/** Whether the table may have got columns, or lost some, since it was looked for. */
function isOfOtherColumns(error: unknown): boolean {
  return (
    errorCode(error) === SQLSTATE.UNDEFINED_COLUMN ||
    (error instanceof InvalidOptionsError &&
      error.problems.some(({ code }) => code === 'RULE_DOES_NOT_FIT_TABLE'))
  );
}

// A constant, because what collects the files of an application, as webpack for Next, does not see a call of a call.
// A bundle may have no URL. It is refused where the package reads its own files, which says what to do.
const require = createRequire(import.meta.url ?? process.execPath);

/** Its constructor is private in the types only: `newAdapter()` is that constructor followed by `open()`. */
export type StockAdapterClass = new (options: PostgresAdapaterOptions) => PostgresAdapter;

/**
 * Loads casbin-pg-adapter's class, open for extension; `open()` migrates unless told not to.
 *
 * With it come pg, node-pg-migrate and Casbin's second build, so it is loaded when an adapter is made, and not by a
 * program that imports this library for a policy or a type.
 */
export function loadStockAdapter(): StockAdapterClass {
  const stock: { PostgresAdapter: StockAdapterClass } = require('casbin-pg-adapter/lib/adapter.js');
  return stock.PostgresAdapter;
}
