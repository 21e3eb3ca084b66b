import { Enforcer } from 'casbin';

/**
 * An enforcer whose model and policy callers can't replace: it has those of the database. Each method that would do so
 * throws and names what to do instead.
 */
export class FixedEnforcer extends Enforcer {
  /** Role links follow the policy, so there is nothing to build. */
  override async buildRoleLinks(): Promise<void> {}
  override async buildIncrementalRoleLinks(): Promise<void> {}

  // These would give it another policy than the one of the database.

  override clearPolicy(): never {
    throw refusal('clearPolicy', 'remove the rules, as by removePolicies');
  }

  override async loadFilteredPolicy(): Promise<never> {
    throw refusal('loadFilteredPolicy', 'use createEnforcer for a part');
  }

  override async loadIncrementalFilteredPolicy(): Promise<never> {
    throw refusal('loadIncrementalFilteredPolicy', 'use createEnforcer for a part');
  }

  override setModel(): never {
    throw refusal('setModel', 'make another one, with that model');
  }

  override loadModel(): never {
    throw refusal('loadModel', 'make another one, with that model');
  }

  // These change how it decides. The change would be lost with the next policy that is swapped in.

  override setEffector(): never {
    throw refusal('setEffector', CONFIGURE);
  }

  override setRoleManager(): never {
    throw refusal('setRoleManager', CONFIGURE);
  }

  override setNamedRoleManager(): never {
    throw refusal('setNamedRoleManager', CONFIGURE);
  }

  override async addNamedMatchingFunc(): Promise<never> {
    throw refusal('addNamedMatchingFunc', CONFIGURE);
  }

  override async addNamedDomainMatchingFunc(): Promise<never> {
    throw refusal('addNamedDomainMatchingFunc', CONFIGURE);
  }

  override async addFunction(): Promise<never> {
    throw refusal('addFunction', CONFIGURE);
  }
}

const CONFIGURE = 'give createLiveEnforcer a configureEnforcer that does it';

function refusal(name: string, remedy: string): Error {
  return new Error(
    `a live enforcer has the policy of the database and no other, so ${name} is refused; ${remedy}`,
  );
}
