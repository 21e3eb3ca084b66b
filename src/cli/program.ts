import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { BootstrapError } from '../errors.ts';
import { remark } from '../render/remark.ts';
import { escapeControls, reasonOf } from '../text.ts';
import { addAssignCommand, addGrantCommand, addRevokeCommand, addUnassignCommand } from './change.ts';
import { commandRunner, type RunCommand, readAskedFormat } from './command.ts';
import { addCompletion } from './completion.ts';
import { findProjectFile } from './config-file.ts';
import { addDiffCommand } from './diff.ts';
import { addDoctorCommand } from './doctor.ts';
import { EXIT, EXIT_MEANINGS, type ExitCode, exitCodeOf } from './exit-code.ts';
import { addExplainCommand } from './explain.ts';
import { addExportCommand } from './export.ts';
import { addGlobalOptions } from './flags.ts';
import { addGraphCommand } from './graph.ts';
import { addHistoryCommand } from './history.ts';
import { addImportCommand } from './import.ts';
import { addInitCommand } from './init.ts';
import { addLintCommand } from './lint.ts';
import { addMatrixCommand } from './matrix.ts';
import { addPlanCommand } from './plan.ts';
import { printRemarks, readVersion } from './print-remarks.ts';
import { findUrls } from './redact.ts';
import { addReportCommand } from './report.ts';
import { addSeedCommand } from './seed.ts';
import { addServeCommand } from './serve.ts';
import { addStatusCommand } from './status.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { addTestCommand } from './test.ts';
import { addVerifyCommand } from './verify.ts';

/** Runs `casbin-bootstrap` with the process's arguments and environment; resolves to the exit code. */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitCode> {
  const started = performance.now();
  const terminal = openTerminal();
  for (const url of findUrls(argv, env)) terminal.hidePassword(url);
  let exitCode: ExitCode = EXIT.SUCCESS;
  try {
    const runCommand = commandRunner(terminal, env, (code) => {
      exitCode = code;
    });
    await createProgram(terminal, runCommand).parseAsync(argv);
    return exitCode;
  } catch (error) {
    const code = exitCodeOf(error);
    if (code === EXIT.SUCCESS) return code;
    // A program that reads this format gets a document in it also after an error.
    const format = readAskedFormat(argv);
    if (format === 'json') terminal.printJson({ error: errorToJson(error) });
    else if (format !== 'pretty' && error instanceof CommanderError) {
      const wrong = remark('error', 'WRONG_USAGE', describeUsage(error));
      printRemarks([wrong], format, terminal, { command: 'arguments', started, file: findProjectFile() });
    }
    if (!(error instanceof CommanderError))
      terminal.complain(describeError(error, argv.includes('--verbose')));
    return code;
  }
}

/** In the order in which the help lists them. */
const COMMANDS = [
  addInitCommand,
  addSeedCommand,
  addPlanCommand,
  addStatusCommand,
  addVerifyCommand,
  addLintCommand,
  addTestCommand,
  addExplainCommand,
  addDiffCommand,
  addMatrixCommand,
  addGraphCommand,
  addExportCommand,
  addImportCommand,
  addGrantCommand,
  addRevokeCommand,
  addAssignCommand,
  addUnassignCommand,
  addHistoryCommand,
  addDoctorCommand,
  addReportCommand,
  addServeCommand,
];

/** Everything that `casbin-bootstrap` understands. */
export function createProgram(terminal: Terminal, runCommand: RunCommand): Command {
  const program = new Command('casbin-bootstrap')
    .description(
      'Bring a PostgreSQL database to the state in which a Casbin application may start, and look at it.',
    )
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('--help lists the commands, and after a command its options.')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.complain(completeUsage(text.trimEnd())),
    })
    .addHelpText('after', EXAMPLES_AND_EXIT_CODES)
    .hook('preAction', (_, command) => refuseOptionAsValue(command));
  addGlobalOptions(program);
  for (const addCommand of COMMANDS) addCommand(program, runCommand);
  addCompletion(program);
  for (const command of [program, ...program.commands]) refuseRepetition(command);
  return program;
}

/** If an option is given twice, Commander takes the last value, and does not mention the first. */
function refuseRepetition(command: Command): void {
  for (const option of command.options) {
    if (!option.required && !option.optional) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) {
        const message = `error: option '${option.flags}' is given twice, and takes one value. Give it once.`;
        command.error(message, { code: 'casbin-bootstrap.optionRepeated' });
      }
      isGiven = true;
    });
  }
}

/**
 * Commander takes what follows an option as its value, also another option: `--html --embedded` would write a file of
 * that name.
 */
function refuseOptionAsValue(command: Command): void {
  const options = [...command.options, ...(command.parent?.options ?? [])];
  const listed = options.flatMap(({ long }) => long ?? []);
  // Commander does not list the option for the help.
  const names = ['--help', '-h', ...listed];
  const values = command.optsWithGlobals();
  const taken = options.find((option) => names.includes(values[option.attributeName()]));
  if (taken === undefined) return;
  const given: string = values[taken.attributeName()];
  command.error(`error: option '${taken.flags}' argument missing: ${given} is an option`, {
    code: 'commander.optionMissingArgument',
  });
}

const EXAMPLES_AND_EXIT_CODES = `
Examples:
  casbin-bootstrap init
  casbin-bootstrap plan --policy policy.yaml
  casbin-bootstrap seed --policy policy.yaml --database-url postgres://app@localhost/shop

Exit codes:
${Object.entries(EXIT_MEANINGS)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n')}`;

/** Describes an error in one message, with a stack only on request. */
export function describeError(error: unknown, verbose = false): string {
  // A message may quote stored values.
  const visible = (text: string) => text.split('\n').map(escapeControls).join('\n');
  const stack = verbose ? `\n\n${visible(inspect(error))}` : '';
  if (error instanceof BootstrapError) return `casbin-bootstrap: ${visible(error.message)}${stack}`;
  return `casbin-bootstrap: ${visible(reasonOf(error))}.${verbose ? stack : ' Add --verbose for the details.'}`;
}

/** An error with its code, its message and its other fields: problems, a report, holders of a lock. */
function errorToJson(error: unknown): object {
  if (error instanceof BootstrapError) {
    const { name, code, message, ...details } = { ...error, message: error.message };
    return { name, code, message, ...details };
  }
  if (error instanceof CommanderError) {
    return { name: 'UsageError', code: 'WRONG_USAGE', message: describeUsage(error) };
  }
  return { name: 'Error', code: 'UNEXPECTED', message: reasonOf(error) };
}

/** If Commander prints the help, its error has no message. */
function describeUsage({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'the command is missing or unknown. --help lists the commands.';
  return completeUsage(message.replace(/^error: /, ''));
}

/**
 * Tells after a file without its option how files are given. Hides the value of an unknown option: it may be a
 * password in any form, as after a misspelt --database-url.
 */
function completeUsage(message: string): string {
  return message
    .replace(/Expected 0 arguments but got \d+\./, '$& Files are given by options, such as --policy FILE.')
    .replace(/(unknown option '-[^=]*=).*'/s, "$1***'");
}
