import type { Command } from 'commander';
import type { BootstrapErrorCode } from '../error-codes.ts';
import { BootstrapError, InvalidOptionsError, type Problem } from '../errors.ts';
import type { BootstrapOptions } from '../options.ts';
import type { OnProgress } from '../progress.ts';
import type { Remark } from '../render/remark.ts';
import { findProjectFile, loadConfigFile } from './config-file.ts';
import { namesDatabase, openNamedDatabase } from './connection.ts';
import type { Database } from './database.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import {
  type DatabaseFlags,
  type DefinitionFlags,
  FORMATS,
  type Format,
  type FormatFlags,
  type GlobalFlags,
} from './flags.ts';
import { Origins } from './origins.ts';
import { listErrorRemarks, printRemarks, type RemarkRun } from './print-remarks.ts';
import { withProgressBar } from './progress-bar.ts';
import { createLogger, type Terminal } from './terminal.ts';

/** What a command works with. */
export interface CommandContext<Flags> {
  readonly flags: Flags;
  /** The options of the configuration, with those of the arguments in their place, and the command's logger. */
  readonly options: BootstrapOptions;
  /** Whether a database is named, for commands that also work without one. */
  readonly hasDatabase: boolean;
  /** Opens the database, shows the progress of the work, and closes the database also after an error. */
  withDatabase<T>(work: (database: DatabaseInUse) => Promise<T>): Promise<T>;
  /** What to tell about the policy if none was given; null if one was. */
  readonly policyNote: string | null;
  /** The files that the options come from. */
  readonly origins: Origins;
  /** Prints the outcome of a command that continues afterwards; such a command returns null. */
  print(outcome: Outcome): void;
}

interface DatabaseInUse extends Pick<Database, 'pool' | 'where'> {
  readonly onProgress: OnProgress;
}

/** The outcome of a command. */
export interface Outcome {
  /** Default: success. */
  readonly exitCode?: ExitCode;
  /** What is printed as JSON. */
  readonly document: unknown;
  /** Whether it is data to be stored. It is printed unchanged, because a redacted name would be another name. */
  readonly isData?: boolean;
  /** What a person reads before the result. */
  readonly note?: string | null;
  /** What a person reads. */
  readonly pretty: (look: Look) => string;
  /** The same as remarks, for the formats that consist of remarks. */
  readonly remarks?: () => readonly Remark[];
}

interface Look {
  readonly color: boolean;
}

type Work<Flags> = (context: CommandContext<Flags>) => Promise<Outcome | null>;

/** Runs the work of one command: first reads the configuration, at the end prints the outcome. */
export type RunCommand = <Flags>(command: Command, work: Work<Flags>) => Promise<void>;

type AllFlags = GlobalFlags & Partial<FormatFlags> & DefinitionFlags & DatabaseFlags & FileFlags;

/** The files that some commands write. */
interface FileFlags {
  readonly html?: string;
  readonly lcov?: string;
}

/** Creates a {@link RunCommand} for a terminal. */
export function commandRunner(
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
  finish: (exitCode: ExitCode) => void,
): RunCommand {
  return async <Flags>(command: Command, work: Work<Flags>) => {
    const started = performance.now();
    const all = command.optsWithGlobals<AllFlags>();
    const format = all.json ? 'json' : (all.format ?? 'pretty');
    const run = { command: command.name(), started, file: findProjectFile(all) };
    const origins = new Origins();
    const printOutcome = (outcome: Outcome) => print(outcome, format, terminal, { ...run, origins });
    try {
      const context = await createContext<Flags>(command, all, origins);
      const outcome = await work({ ...context, print: printOutcome });
      if (outcome === null) return;
      printOutcome(outcome);
      finish(outcome.exitCode ?? EXIT.SUCCESS);
    } catch (error) {
      const told = origins.placeError(adviseCommand(error) ?? error);
      // The caller prints JSON, because it also does so for wrong arguments.
      if (format !== 'pretty' && format !== 'json') {
        printRemarks(await listErrorRemarks(told), format, terminal, run);
      }
      throw told;
    }
  };

  async function createContext<Flags>(
    command: Command,
    all: AllFlags,
    origins: Origins,
  ): Promise<Omit<CommandContext<Flags>, 'print'>> {
    const logger = await createLogger(env.LOG_LEVEL, terminal.redact);
    const { config, file } = await loadConfig(all, terminal);
    if (file !== null) origins.addConfig(config, file);
    // Without what is not given: undefined would replace the value of the configuration.
    const { model, schema, table } = all;
    const given = Object.fromEntries(
      Object.entries({ model, schema, table }).filter(([, value]) => value !== undefined),
    );
    origins.forget(Object.keys(given));
    const { databaseUrl, ...configured } = config;
    // A command without --policy reads that of the configuration itself if it needs it: it may be a module that fails.
    const named = takesPolicy(command) ? (all.policy ?? configured.policy) : undefined;
    const policy = typeof named === 'string' ? { policy: await origins.readPolicy(named) } : {};
    const options = { ...configured, ...policy, ...given, logger };
    const sources = { flags: all, env, config: databaseUrl === undefined ? {} : { databaseUrl } };
    return {
      flags: command.opts<Flags & object>(),
      options,
      hasDatabase: namesDatabase(sources),
      policyNote: options.policy === undefined ? describeDefaultPolicy(file) : null,
      origins,
      async withDatabase(use) {
        const database = await openNamedDatabase({ ...sources, hidePassword: terminal.hidePassword });
        try {
          return await withProgressBar((onProgress) => use({ ...database, onProgress }), logger);
        } finally {
          await database.close();
        }
      },
    };
  }
}

function takesPolicy({ options }: Command): boolean {
  return options.some(({ long }) => long === '--policy');
}

/** In another folder than the project's, the configuration is not found, and the command succeeds all the same. */
function describeDefaultPolicy(configFile: string | null): string {
  const fact =
    configFile === null ? `no casbin-bootstrap.config in ${process.cwd()}` : `no policy in ${configFile}`;
  return `The default policy is used, as there is no --policy, and ${fact}`;
}

/** The advice for the command line, for errors whose messages name a function or an option of the library. */
const ADVICE: { readonly [Code in BootstrapErrorCode]?: string } = {
  POLICY_MISSING: 'For this command: give --policy, or policy in casbin-bootstrap.config.',
  CHANGE_REFUSED: 'For this command: --force with --reason.',
  TABLE_MISSING:
    'On the command line: casbin-bootstrap seed, with options such as journal in casbin-bootstrap.config.',
};

function adviseCommand(error: unknown): BootstrapError | null {
  if (!(error instanceof BootstrapError)) return null;
  const advice = ADVICE[error.code];
  if (advice === undefined) return null;
  const { message, ...details } = { ...error, message: error.message };
  const separator = message.includes('\n') ? '\n' : ' ';
  return Object.assign(
    new BootstrapError(error.code, `${message}${separator}${advice}`, { cause: error }),
    details,
  );
}

/** Prints an outcome. The option `--format` allows only the formats that the command has. */
function print(
  outcome: Outcome,
  format: Format,
  terminal: Terminal,
  { origins, ...run }: RemarkRun & { readonly origins: Origins },
): void {
  const { document, isData, note, pretty, remarks } = outcome;
  if (format === 'json' && isData) terminal.printData(JSON.stringify(document, null, 2));
  else if (format === 'json') terminal.printJson(document);
  else if (format !== 'pretty') {
    const placed = (remarks?.() ?? []).map((remark) => origins.place(remark));
    printRemarks(placed, format, terminal, run);
  } else if (isData) terminal.printData(pretty(terminal));
  else terminal.print(`${note ? `${note}\n` : ''}${pretty(terminal)}`);
}

/** The format that the arguments ask for, also if other arguments are wrong. */
export function readAskedFormat(argv: readonly string[]): Format {
  if (argv.includes('--json')) return 'json';
  const asked = argv.map((argument, index) =>
    argument === '--format' ? argv[index + 1] : /^--format=(.*)$/.exec(argument)?.[1],
  );
  return FORMATS.places.find((format) => asked.includes(format)) ?? 'pretty';
}

async function loadConfig(flags: AllFlags, terminal: Terminal): ReturnType<typeof loadConfigFile> {
  // The library would treat an empty value as one that is not given; it may come from a variable that is not set.
  const names = ['config', 'policy', 'model', 'embedded', 'schema', 'table', 'html', 'lcov'] as const;
  const empty = names.filter((name) => flags[name] === '');
  if (empty.length > 0) {
    throw new InvalidOptionsError(
      empty.map(
        (name): Problem => ({
          code: 'OPTION_INVALID',
          at: `--${name}`,
          message: 'it is empty. Give a value.',
        }),
      ),
    );
  }
  const loaded = await loadConfigFile(flags.config);
  if (loaded.config.databaseUrl !== undefined) terminal.hidePassword(loaded.config.databaseUrl);
  return loaded;
}
