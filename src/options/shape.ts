import * as v from 'valibot';
import { JOURNAL } from '../../migrations/0003_journal.ts';
import { RECORDED_RULES, VERSIONS } from '../../migrations/0004_ownership.ts';
import { isSource } from '../database/client.ts';
import { ENGINE_NAMES } from '../database/engine.ts';
import { LOCK_TABLE } from '../database/lock-row.ts';
import { LONGEST_TIMER_MS } from '../database/session.ts';
import type { Problem } from '../errors.ts';
import { APPLICATION_LIST, isMigrationSettings, PACKAGE_LIST } from '../migrator/migration.ts';
import { definitionShape, PARTS } from '../policy/definition-shape.ts';
import { AS_TOLD, dictionary, fields, findMisshapen } from '../policy/issues.ts';

export const name = v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'));
export const flag = v.optional(v.boolean('must be true or false'));
export const callable = v.custom<(...args: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
);
export const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.integer('must be a whole number of milliseconds'),
  v.minValue(0, 'must not be negative'),
  v.maxValue(LONGEST_TIMER_MS, `must not exceed ${LONGEST_TIMER_MS}`),
);

/** A text that PostgreSQL can store: without NUL, and without half of a surrogate pair, which it would replace. */
export const text = v.pipe(
  name,
  v.check((value) => !value.includes('\0'), 'must not hold a NUL character'),
  v.check((value) => value.isWellFormed(), 'must not hold half of a surrogate pair'),
);

/** PostgreSQL cuts longer identifiers off, silently. */
export const identifierName = v.pipe(text, v.maxBytes(63, 'must not be longer than 63 bytes'));
export const schema = v.pipe(
  identifierName,
  v.check((value) => !/^pg_|^information_schema$/.test(value), 'must not be a schema of PostgreSQL itself'),
  v.check((value) => value !== '$user', 'must not be "$user", which a search_path replaces by the role'),
);

const migration = v.looseObject(
  { up: callable, down: v.optional(callable) },
  'must be a migration with an up method',
);
const migrations = migrationsShape('must be false, an object of name → migration, or a MigrationProvider');
function migrationsShape(message: string) {
  return v.pipe(
    dictionary(migration, message),
    v.check(
      (given) => ![...given.keys()].some((key) => key.includes('\0')),
      'must not have a NUL character in a name',
    ),
  );
}
const provider = v.looseObject(
  { getMigrations: callable },
  'must be a MigrationProvider with a getMigrations method',
);

/** Tables of this library, which are neither a rule table nor a list of Kysely's Migrator. */
const ownTables = [
  PACKAGE_LIST.tableName,
  PACKAGE_LIST.lockTableName,
  LOCK_TABLE,
  JOURNAL,
  VERSIONS,
  RECORDED_RULES,
];

const NOT_OWN = `must not name a table of casbin-bootstrap itself (${ownTables.join(', ')})`;

const migrationSettings = v.pipe(
  fields(
    {
      provider,
      tableName: v.optional(identifierName),
      lockTableName: v.optional(identifierName),
      allowUnorderedMigrations: flag,
    },
    'must be an object with a provider',
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { tableName = APPLICATION_LIST.tableName, lockTableName = APPLICATION_LIST.lockTableName } =
      dataset.value;
    const twice = tableName === lockTableName;
    if (!twice && !ownTables.includes(tableName) && !ownTables.includes(lockTableName)) return;
    const message = twice ? 'must name two different tables by tableName and lockTableName' : NOT_OWN;
    addIssue({ message, expected: AS_TOLD });
  }),
);

const seeder = v.looseObject(
  {
    name,
    seed: callable,
    isSeeded: v.optional(callable),
    check: v.optional(callable),
    table: v.optional(text),
    migrations: v.optional(migrationsShape('must be an object of name → migration')),
  },
  'must be a seeder with a name and a seed method',
);

const ruleTableName = v.pipe(
  identifierName,
  v.check((given) => !ownTables.includes(given), NOT_OWN),
  v.check(
    (given) => !/^[a-z_]\w*\.[a-z_]\w*$/i.test(given),
    'must be the name of a table without its schema: name that by the option schema',
  ),
);
const ruleTable = fields(
  {
    name: ruleTableName,
    layout: v.optional(v.picklist(['document', 'columns'], 'must be document or columns')),
    duplicates: v.optional(v.picklist(['report', 'remove'], 'must be report or remove')),
  },
  'must be the name of a table, or an object with a name',
);

const model = v.union(
  [
    name,
    // Not instanceof: the package has two builds, and an application may hold a Model of the other one.
    v.custom<object>((value) => typeof value === 'object' && Object(value).model instanceof Map),
  ],
  'must be the path of a .conf file, or a Casbin Model',
);

/** Chooses the shape by the kind of the value, so that the message fits it. */
export function optionalBy(choose: (input: unknown) => v.GenericSchema) {
  return v.optional(v.lazy(choose));
}

/** The options of an enforcer. */
export const enforcerEntries = {
  model: v.optional(model),
  configureEnforcer: v.optional(callable),
  schema: v.optional(schema),
  table: optionalBy((input) => (typeof input === 'string' ? ruleTableName : ruleTable)),
  engine: v.optional(v.picklist(ENGINE_NAMES, `must be one of ${ENGINE_NAMES.join(', ')}`)),
  connectTimeoutMs: v.optional(milliseconds),
};

const verifyEntries = { strict: flag, full: flag, stockLoadable: flag };

/**
 * Only verifyDatabase takes these outside of `verify`. Elsewhere they would be ignored silently, so they are refused.
 */
const misplacedVerifyEntries = v.entriesFromList(
  Object.keys(verifyEntries),
  v.optional(v.custom(() => false, 'belongs in verify here, as in verify: { strict: true }')),
);

/** The definition, or the path of one. */
export const policyEntry = optionalBy((input) => {
  if (input === null) return v.any();
  return typeof input === 'string' ? name : definitionShape;
});

/** The channel of notifications; false for none. */
export const channelEntry = optionalBy((input) => (input === false ? v.any() : identifierName));

/** The logger. */
export const loggerEntry = v.optional(
  v.looseObject(
    {
      debug: callable,
      info: callable,
      warn: callable,
      error: v.optional(callable),
      child: v.optional(callable),
      isLevelEnabled: v.optional(callable),
    },
    'must be a logger with the methods debug, info and warn, such as a pino logger',
  ),
);

/** The options of a bootstrap. */
export const bootstrapEntries = {
  ...enforcerEntries,
  ...misplacedVerifyEntries,
  policy: policyEntry,
  seeders: v.optional(v.array(seeder, 'must be a list of seeders')),
  migrations: optionalBy((input) => {
    if (input === false) return v.any();
    if (isMigrationSettings(input)) return migrationSettings;
    return isProvider(input) ? provider : migrations;
  }),
  verify: optionalBy((input) =>
    input === false
      ? v.any()
      : fields(verifyEntries, 'must be false, or an object with strict, full and stockLoadable'),
  ),
  journal: flag,
  lockTimeoutMs: v.optional(milliseconds),
  statementTimeoutMs: v.optional(milliseconds),
  idleInTransactionTimeoutMs: v.optional(milliseconds),
  dryRun: flag,
  notifyChannel: channelEntry,
  logger: loggerEntry,
  onProgress: v.optional(callable),
};

/** The options of a live enforcer alone. */
const LIVE = ['subject', 'domain', 'maxStalenessMs', 'whenStale', 'pollIntervalMs', 'onChange', 'onError'];

/** Every option of any function, because one object may be given to all functions. */
const known = Object.fromEntries(
  [
    ...[...Object.keys(bootstrapEntries), 'concurrency', 'target'],
    ...['actor', 'reason', 'force', 'users', 'port', 'databaseUrl'],
    ...LIVE,
  ].map((name) => [name, v.optional(v.any())]),
);

export function isOption(name: string): boolean {
  return Object.hasOwn(known, name);
}

/** The options of one function: its own are checked, those of the others are accepted as they are. */
export function optionsOf(own: v.ObjectEntries) {
  const entries = { ...known, ...own };
  return v.lazy((input) => {
    if (isSource(input)) return notOptions;
    return v.pipe(
      fields(entries, 'must be an object of options', explainPart),
      v.rawCheck(({ addIssue }) => {
        const given = Object(input);
        for (const key of Object.keys(entries)) {
          if (!(key in given) || Object.hasOwn(given, key)) continue;
          addIssue({
            expected: AS_TOLD,
            message:
              'is inherited, and would be lost where options are copied. Give an object with options of its own',
            path: [{ type: 'object', origin: 'key', input: given, key, value: undefined }],
          });
        }
      }),
    );
  });
}

/** Somebody may have given a policy instead of options that hold it. */
function explainPart(key: string): string | null {
  return PARTS.includes(key)
    ? 'It belongs in a policy: give { policy }, an object that holds the policy.'
    : null;
}

const notOptions = v.pipe(
  v.custom<object>(() => true),
  v.rawCheck(({ addIssue }) => {
    const message = 'must be an object of options, not a pool or a client. Give that before the options';
    addIssue({ expected: AS_TOLD, message });
  }),
);

/** Creates a function that finds all problems in the shape of one function's options. */
export function shapeCheck(own: v.ObjectEntries): (input: unknown) => Problem[] {
  const expected = optionsOf(own);
  return (input) => findMisshapen(expected, input);
}

const pageEntries = { ...bootstrapEntries, ...verifyEntries, users: flag };
const port = v.pipe(
  v.number('must be a number'),
  v.integer('must be a whole number'),
  v.minValue(0, 'must not be negative'),
  v.maxValue(65_535, 'must not exceed 65535'),
);

export const checkShape = shapeCheck(bootstrapEntries);
export const checkVerifyShape = shapeCheck({ ...bootstrapEntries, ...verifyEntries });
export const checkPageShape = shapeCheck(pageEntries);
export const checkServeShape = shapeCheck({
  ...pageEntries,
  port: v.optional(port),
  pollIntervalMs: v.optional(milliseconds),
});
export const checkImportShape = shapeCheck({
  ...bootstrapEntries,
  actor: v.optional(name),
  reason: v.optional(name),
});
export const checkEnforcerShape = shapeCheck(enforcerEntries);

/** All problems in the shape of what a MigrationProvider gives. */
export function checkMigrations(input: unknown): Problem[] {
  return findMisshapen(migrations, input, 'migrations');
}

function isProvider(input: unknown): boolean {
  return typeof input === 'object' && input !== null && 'getMigrations' in input;
}
