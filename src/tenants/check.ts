import * as v from 'valibot';
import { checkPool } from '../database/check-pool.ts';
import type { Problem } from '../errors.ts';
import { bootstrapEntries, name, optionsOf, schema } from '../options/shape.ts';
import { fields } from '../policy/containers.ts';
import { describeIssue } from '../policy/describe-issue.ts';
import { formatText } from '../policy/rule.ts';

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
export type TenantCheck = (tenant: unknown, index: number) => Problem[];

/** A check that has seen no tenant yet. */
export function tenantCheck(): TenantCheck {
  const names = new Set<string>();
  const homes = new WeakMap<object, Map<string | undefined, string>>();
  return (input, index) => {
    const at = placeOf(input, index);
    const { issues, success, output } = v.safeParse(tenant, input);
    if (!success) return issues.map((issue) => within(at, describeIssue(issue, at)));
    const isMaker = typeof output.pool === 'function';
    const misfits = isMaker ? [] : checkPool(output.pool).map((problem) => within(at, adviseMaker(problem)));
    if (misfits.length > 0) return misfits;
    return [...checkName(output.name, at, names), ...(isMaker ? [] : checkHome(output, at, homes))];
  };
}

/** What a tenant is called: by its name or, if it has none, by where it was given. */
export function nameOf(input: unknown, index: number): string {
  const given: unknown = Object(input).name;
  return typeof given === 'string' && given !== '' ? given : `tenants[${index}]`;
}

function placeOf(input: unknown, index: number): string {
  const place = `tenants[${index}]`;
  const called = nameOf(input, index);
  return called === place ? place : `${place} ${formatText(called)}`;
}

function within(place: string, problem: Problem): Problem {
  return problem.at === place ? problem : { ...problem, at: `${place} ${problem.at}` };
}

function adviseMaker(problem: Problem): Problem {
  return { ...problem, message: `${problem.message} Or give a function that makes one when its turn comes.` };
}

function checkName(given: string, at: string, names: Set<string>): Problem[] {
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
  const message = `it has the pool and the schema of the tenant ${formatText(other)}. Give each a schema, or a database, of its own.`;
  return [{ code: 'TENANT_DUPLICATE', at, message }];
}
