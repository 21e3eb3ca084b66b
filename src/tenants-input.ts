import * as v from 'valibot';
import { checkPool, type PoolLike } from './database/client.ts';
import type { Problem } from './errors.ts';
import { bootstrapEntries, name, schema, shapeCheck } from './options/shape.ts';
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

/** One of many tenants that are bootstrapped the same way: a schema of a database, or a database of its own. */
export interface Tenant {
  /** Unique among the tenants; the report and the log use it. */
  readonly name: string;
  /** Where its tables live; created when missing. Default: the connection's search_path. */
  readonly schema?: string | undefined;
  /**
   * A pool, which other tenants may share and which stays open; or a function that makes one for this tenant. The
   * function is called when the tenant's bootstrap begins, and the pool is ended after it, also after a failure.
   */
  readonly pool: PoolLike | (() => OwnPool | Promise<OwnPool>);
}

/** The next tenant, and its problems. */
export interface Arrival {
  readonly tenant: Tenant;
  readonly name: string;
  readonly problems: readonly Problem[];
}

/** The source of tenants: a list, which is checked at once, or an async iterable, which is read one by one. */
export class TenantSource {
  /** The problems that are known before the first tenant is bootstrapped. */
  readonly problems: readonly Problem[];
  readonly #tenants: Iterable<Tenant> | AsyncIterable<Tenant>;
  #failure: { readonly thrown: unknown } | null = null;

  constructor(given: Iterable<Tenant> | AsyncIterable<Tenant>) {
    const { tenants, problems } = takeStock(given);
    this.#tenants = tenants;
    this.problems = problems;
  }

  /** The error of the iterable; null if it ended. */
  get failure(): { readonly thrown: unknown } | null {
    return this.#failure;
  }

  /** The tenants, one after the other. An iterable that throws counts as ended, so that running tenants are awaited. */
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

/** All problems in the shape of the options for many tenants. */
export const checkTenantsOptions = shapeCheck({
  ...bootstrapEntries,
  // Each tenant has its own.
  schema: v.optional(v.any()),
  concurrency: v.optional(
    v.pipe(
      v.number('must be a number of tenants'),
      v.safeInteger('must be a whole number of tenants'),
      v.minValue(1, 'must be 1 or more'),
    ),
  ),
});

const tenant = fields(
  // The pool is checked separately, so that no message shows a part of it, which may be a password.
  { name, schema: v.optional(schema), pool: v.optional(v.any()) },
  'must be a tenant with a name and a pool',
);

/** Finds the problems of a tenant, by itself and compared with the tenants before it. */
type TenantCheck = (tenant: unknown, index: number) => Problem[];

/** Creates a check that has seen no tenant yet. */
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

/** The name of a tenant in messages; without a name, its position. */
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

/** Two tenants with the same pool and schema would share their tables. */
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
