import { type Command, InvalidArgumentError, Option } from 'commander';

/** The options of every command. */
export interface GlobalFlags {
  readonly config?: string;
  readonly verbose?: true;
}

/** How a command prints its result. */
export interface FormatFlags {
  readonly format: Format;
  readonly json?: true;
}

export type Format = 'pretty' | 'compact' | 'json' | 'github' | 'junit' | 'sarif';

/** Model and policy, which replace those of the configuration. */
export interface DefinitionFlags {
  readonly policy?: string;
  readonly model?: string;
}

/** What the arguments say about the database. */
export interface ConnectionFlags {
  readonly databaseUrl?: string;
  /** The folder of an embedded database; true for the usual one. */
  readonly embedded?: string | true;
}

/** Where an embedded database is, unless a folder is given. */
export const EMBEDDED_DIR = '.data/pglite';

export interface DatabaseFlags extends ConnectionFlags {
  readonly schema?: string;
  readonly table?: string;
}

const DATABASE_GROUP = 'Database:';
const DEFINITION_GROUP = 'Definition:';

export function addGlobalOptions(command: Command): void {
  command
    .option(
      '--config <file>',
      'the configuration file (default: casbin-bootstrap.config.ts, .js, .json, .yaml …)',
    )
    .option('--verbose', 'print the stack of an error too');
}

/** The formats for each kind of result. */
export const FORMATS = {
  /** Data, which is printed unchanged. */
  data: ['pretty', 'json'],
  /** A report of what was done, or of a state. */
  news: ['pretty', 'compact', 'json', 'github'],
  /** Checks, each with its outcome. */
  checks: ['pretty', 'compact', 'json', 'github', 'junit'],
  /** Checks with places in files. */
  places: ['pretty', 'compact', 'json', 'github', 'junit', 'sarif'],
} as const satisfies Record<string, readonly Format[]>;

export function addFormatOptions(command: Command, result: keyof typeof FORMATS): void {
  command
    .addOption(
      new Option('--format <format>', 'how to print the result').choices(FORMATS[result]).default('pretty'),
    )
    .addOption(new Option('--json', 'the same as --format json'));
}

export function addDefinitionOptions(command: Command): void {
  const policy = 'the policy: .yaml, .json, .csv, or a module that exports it (default: the default policy)';
  command.addOption(new Option('--policy <file>', policy).helpGroup(DEFINITION_GROUP));
  addModelOption(command);
}

export function addModelOption(command: Command): void {
  const model = "the model: a .conf file (default: the package's RBAC model)";
  command.addOption(new Option('--model <file>', model).helpGroup(DEFINITION_GROUP));
}

export function addDatabaseOptions(command: Command): void {
  const options = [
    new Option('--database-url <url>', 'the database of a server (default: DATABASE_URL)'),
    new Option(
      '--embedded [dir]',
      `a PostgreSQL in this process, with its data in a folder (${EMBEDDED_DIR})`,
    ),
    new Option('--schema <name>', "the schema of the tables (default: the connection's search_path)"),
    new Option(
      '--table <name>',
      'the rule table that the application reads (default: the one that is there)',
    ),
  ];
  for (const option of options) command.addOption(option.helpGroup(DATABASE_GROUP));
}

/** Shows examples below the help of a command, each a line as it is typed. */
export function addExamples(command: Command, examples: readonly string[]): void {
  const lines = examples.map((example) => `  casbin-bootstrap ${example}`);
  command.addHelpText('after', ['', 'Examples:', ...lines].join('\n'));
}

/** Reads an argument that is a percentage. */
export function readPercent(text: string): number {
  const percent = Number(text);
  if (text.trim() !== '' && percent >= 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('Give a number from 0 to 100.');
}
