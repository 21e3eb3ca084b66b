import type { Problem } from '../errors.ts';
import { reasonOf } from '../reason.ts';
import { nameOf, tenantCheck } from './check.ts';
import type { Tenant } from './tenant.ts';

/** A tenant whose turn has come, and what is wrong with it. */
export interface Arrival {
  readonly tenant: Tenant;
  readonly name: string;
  readonly problems: readonly Problem[];
}

/** Where tenants come from: a list, known and checked at once, or an async iterable, read as they are wanted. */
export class TenantSource {
  /** What is wrong with the tenants, as far as it can be known before the first of them is bootstrapped. */
  readonly problems: readonly Problem[];
  readonly #tenants: Iterable<Tenant> | AsyncIterable<Tenant>;
  #failure: { readonly thrown: unknown } | null = null;

  constructor(given: Iterable<Tenant> | AsyncIterable<Tenant>) {
    const { tenants, problems } = takeStock(given);
    this.#tenants = tenants;
    this.problems = problems;
  }

  /** What the iterable threw; null when it came to its end. */
  get failure(): { readonly thrown: unknown } | null {
    return this.#failure;
  }

  /** One after the other. An iterable that throws is at its end, so that those that are running are waited for. */
  async *read(): AsyncGenerator<Arrival> {
    const check = tenantCheck();
    let index = 0;
    try {
      for await (const tenant of this.#tenants) {
        yield { tenant, name: nameOf(tenant, index), problems: check(tenant, index) };
        index++;
      }
    } catch (thrown) {
      this.#failure = { thrown };
    }
  }
}

function takeStock(given: Iterable<Tenant> | AsyncIterable<Tenant>) {
  if (isIterable(given)) return takeStockOfList(given);
  const problems =
    Symbol.asyncIterator in Object(given)
      ? []
      : [refuse('must be a list of tenants, or an iterable of them.')];
  return { tenants: given, problems };
}

function takeStockOfList(given: Iterable<Tenant>): { tenants: Tenant[]; problems: Problem[] } {
  try {
    const tenants = [...given];
    const check = tenantCheck();
    return { tenants, problems: tenants.flatMap(check) };
  } catch (error) {
    return {
      tenants: [],
      problems: [refuse(`reading them threw: ${reasonOf(error)}. Fix what gives them.`)],
    };
  }
}

function isIterable(given: unknown): given is Iterable<Tenant> {
  return typeof given === 'object' && given !== null && Symbol.iterator in given;
}

function refuse(message: string): Problem {
  return { code: 'OPTION_INVALID', at: 'tenants', message };
}
