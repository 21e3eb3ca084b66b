import * as v from 'valibot';
import type { Problem } from '../errors.ts';

const name = v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'));
const names = v.array(v.string('must be a string'), 'must be a list of strings');
const callable = v.custom<(...args: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
);
const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.integer('must be a whole number of milliseconds'),
  v.minValue(0, 'must not be negative'),
  v.maxValue(2_147_483_647, 'must not exceed 2147483647'),
);

/** PostgreSQL cuts longer identifiers off, silently. */
const identifier = v.pipe(
  name,
  v.maxBytes(63, 'must not be longer than 63 bytes'),
  v.check((value) => !value.includes('\0'), 'must not hold a NUL character'),
);

const policy = v.strictObject(
  {
    roles: v.optional(
      v.record(
        v.string(),
        v.strictObject(
          {
            inherits: v.optional(names),
            permissions: v.optional(v.record(v.string(), names, 'must be an object of resource → actions')),
          },
          'must be an object with inherits and permissions',
        ),
        'must be an object of role → definition',
      ),
    ),
    rules: v.optional(
      v.array(
        v.pipe(names, v.minLength(2, 'must be a ptype followed by its values')),
        'must be a list of rules',
      ),
    ),
  },
  'must be a policy definition',
);

const migration = v.looseObject({ up: callable }, 'must be a migration with an up method');
const migrations = v.union(
  [
    v.literal(false),
    v.custom<object>((value) => typeof value === 'object' && value !== null && 'getMigrations' in value),
    v.record(v.string(), migration),
  ],
  'must be false, an object of name → migration, or a MigrationProvider',
);

const seeder = v.looseObject(
  { name, seed: callable, isSeeded: v.optional(callable) },
  'must be a seeder with a name and a seed method',
);

const options = v.strictObject(
  {
    model: v.optional(
      v.union(
        [
          name,
          // Not instanceof: the package has two builds, and an application may hold a Model of the other one.
          v.custom<object>((value) => typeof value === 'object' && Object(value).model instanceof Map),
        ],
        'must be the path of a .conf file, or a Casbin Model',
      ),
    ),
    policy: v.optional(policy),
    seeders: v.optional(v.array(seeder, 'must be a list of seeders')),
    migrations: v.optional(migrations),
    configureEnforcer: v.optional(callable),
    verify: v.optional(
      v.union(
        [
          v.literal(false),
          v.strictObject({ strict: v.optional(v.boolean()), full: v.optional(v.boolean()) }),
        ],
        'must be false, or an object with strict and full',
      ),
    ),
    schema: v.optional(identifier),
    lockTimeoutMs: v.optional(milliseconds),
    statementTimeoutMs: v.optional(milliseconds),
    dryRun: v.optional(v.boolean('must be true or false')),
    notifyChannel: v.optional(v.union([v.literal(false), identifier], 'must be a channel name, or false')),
    logger: v.optional(
      v.looseObject({ info: callable, warn: callable, debug: callable }, 'must be a pino logger'),
    ),
  },
  'must be an object',
);

/** Everything about the shape of the options that is wrong. */
export function checkShape(input: unknown): Problem[] {
  const result = v.safeParse(options, input);
  return result.success ? [] : result.issues.map(describe);
}

function describe(issue: v.BaseIssue<unknown>): Problem {
  const at = v.getDotPath(issue) ?? 'options';
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const known = at.includes('.') ? '' : ` Known are ${Object.keys(options.entries).join(', ')}.`;
    return { code: 'OPTION_UNKNOWN', at, message: `there is no such option.${known}` };
  }
  return { code: 'OPTION_INVALID', at, message: `${issue.message} (it is ${issue.received}).` };
}
