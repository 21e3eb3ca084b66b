import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

/** The program, its commands as the help lists them, and what each prints as its help. */
export function readProgram() {
  let printed = '';
  const terminal: Terminal = {
    color: false,
    redact: (text) => text,
    hidePassword: () => {},
    print: (text) => {
      printed += `${text}\n`;
    },
    printData: () => {},
    printJson: () => {},
    complain: () => {},
  };
  const program = createProgram(terminal, async () => {});
  return {
    program,
    commands: program.commands.filter((command) => command.name() !== 'complete'),
    helpOf(command: Command): string {
      printed = '';
      command.outputHelp();
      return printed;
    },
  };
}
