import type { BatchAdapter, FilteredAdapter, Model, UpdatableAdapter } from 'casbin';
import type { Rule } from '../../policy/rule.ts';
import type { PolicyFilter } from './filter.ts';

/** An adapter with everything that a Casbin enforcer can ask for. */
export interface CasbinAdapter extends BatchAdapter, UpdatableAdapter, FilteredAdapter {
  loadFilteredPolicy(model: Model, filter?: PolicyFilter | null): Promise<void>;
  /** Whether what was loaded last may be a part of the policy only: the enforcer then refuses to save. */
  isFiltered(): boolean;
  /**
   * Adds the rules of any ptype that are not stored yet, all or none, and returns those, in the order given. For
   * one who writes alone, as a seeder does under the bootstrap lock. Many of them are written in portions, after
   * each of which `report` is told how many are done.
   */
  addRules(rules: readonly Rule[], report?: (done: number) => void): Promise<Rule[]>;
  /** With true, isFiltered() stays true; with false, it is false until the next load of a part. */
  enabledFiltered(enabled: boolean): void;
}
