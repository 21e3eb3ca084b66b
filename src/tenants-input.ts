import * as v from 'valibot';
import { checkPool, type PoolLike } from './database/client.ts';
import type { Problem } from './errors.ts';
import { bootstrapEntries, name, optionsOf, schema } from './options/shape.ts';
import { describeIssue, fields } from './policy/issues.ts';
import { formatText } from './policy/rule.ts';
import { reasonOf } from './text.ts';

/** A pool that is made for one tenant and ended when it is done: a `pg.Pool`, or the embedded pool. */
export interface OwnPool extends PoolLike {
  /** Closes the pool; a promise is awaited. */
  end?(): unknown;
  /** Calls the listener with an error of a client that nobody uses at the moment. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** One of many tenants that are bootstrapped alike: a schema of a database, or a database of its own. */
export interface Tenant {
  /** Unique among the tenants; the report and the log use it. */
  readonly name: string;
  /** Where its tables live; created when missing. Default: the connection's search_path. */
  readonly schema?: string;
  /**
   * A pool, which other tenants may share and which stays open; or a function that makes one for this tenant. The
   * function is called when its turn has come, and the pool is ended when the tenant is done, also when it failed.
   */
  readonly pool: PoolLike | (() => OwnPool | Promise<OwnPool>);
}

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
        yield { tenant, name: nameOfTenant(tenant, index), problems: check(tenant, index) };
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
      : [tenantsProblem('must be a list of tenants, or an iterable of them.')];
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
      problems: [tenantsProblem(`reading them threw: ${reasonOf(error)}. Fix the iterable.`)],
    };
  }
}

function isIterable(given: unknown): given is Iterable<Tenant> {
  return typeof given === 'object' && given !== null && Symbol.iterator in given;
}

function tenantsProblem(message: string): Problem {
  return { code: 'OPTION_INVALID', at: 'tenants', message };
}

const options = optionsOf({
  ...bootstrapEntries,
  // Each tenant has its own.
  schema: v.optional(v.any()),
  concurrency: v.optional(
    v.pipe(
      v.number('must be a number of tenants'),
      v.integer('must be a whole number of tenants'),
      v.minValue(1, 'must be 1 or more'),
    ),
  ),
});

const tenant = fields(
  // The pool is checked apart, so that nothing of it is shown, as that may be a password.
  { name, schema: v.optional(schema), pool: v.optional(v.any()) },
  'must be a tenant with a name and a pool',
);

/** Everything about the shape of the options for many tenants that is wrong. */
export function checkTenantsOptions(input: unknown): Problem[] {
  return v.safeParse(options, input).issues?.map((issue) => describeIssue(issue, 'options')) ?? [];
}

/** Tells what is wrong with a tenant, by itself and beside those that it was asked about before. */
type TenantCheck = (tenant: unknown, index: number) => Problem[];

/** A check that has seen no tenant yet. */
function tenantCheck(): TenantCheck {
  const names = new Set<string>();
  const homes = new WeakMap<object, Map<string | undefined, string>>();
  return (input, index) => {
    const at = placeOf(input, index);
    const { issues, success, output } = v.safeParse(tenant, input);
    if (!success) return issues.map((issue) => within(at, describeIssue(issue, at)));
    const isMaker = typeof output.pool === 'function';
    const misfits = isMaker ? [] : checkPool(output.pool).map((problem) => within(at, adviseMaker(problem)));
    if (misfits.length > 0) return misfits;
    return [...checkTenantName(output.name, at, names), ...(isMaker ? [] : checkHome(output, at, homes))];
  };
}

/** What a tenant is called: by its name or, if it has none, by where it was given. */
function nameOfTenant(input: unknown, index: number): string {
  const given: unknown = Object(input).name;
  return typeof given === 'string' && given !== '' ? given : `tenants[${index}]`;
}

function placeOf(input: unknown, index: number): string {
  const place = `tenants[${index}]`;
  const called = nameOfTenant(input, index);
  return called === place ? place : `${place} ${formatText(called)}`;
}

function within(place: string, problem: Problem): Problem {
  return problem.at === place ? problem : { ...problem, at: `${place} ${problem.at}` };
}

function adviseMaker(problem: Problem): Problem {
  return { ...problem, message: `${problem.message} Or give a function that makes one when its turn comes.` };
}

function checkTenantName(given: string, at: string, names: Set<string>): Problem[] {
  const taken = names.has(given);
  names.add(given);
  if (!taken) return [];
  return [
    { code: 'TENANT_DUPLICATE', at, message: 'another tenant has that name. Give each its own, once.' },
  ];
}

/** Two that live in one place would share what each is to have for itself. */
function checkHome(
  { name: given, schema: home, pool }: v.InferOutput<typeof tenant>,
  at: string,
  homes: WeakMap<object, Map<string | undefined, string>>,
): Problem[] {
  const tenantsBySchema = homes.get(pool) ?? new Map<string | undefined, string>();
  homes.set(pool, tenantsBySchema);
  const other = tenantsBySchema.get(home);
  if (other === undefined || other === given) {
    tenantsBySchema.set(home, given);
    return [];
  }
  const message = `it has the same pool and schema as the tenant ${formatText(other)}. Give each a schema, or a database, of its own.`;
  return [{ code: 'TENANT_DUPLICATE', at, message }];
}
