import type { RootCommand } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { addExamples } from './flags.ts';

/**
 * Adds `casbin-bootstrap completion <shell>`, which prints a script, and the command that this script calls at each
 * Tab.
 */
export function addCompletion(program: Command): void {
  const completion = tab(program, { completionCommandName: 'completion' });
  // Each command also takes the options of the program, which tab does not know.
  for (const { long, description } of program.options) {
    if (!long || long === '--version') continue;
    for (const command of completion.commands.values()) command.option(long.slice(2), description);
  }
  completeFiles(completion);
  const command = program.commands.find((one) => one.name() === 'completion');
  if (command === undefined) return;
  command.description('Print a script that completes commands and options in a shell.');
  addExamples(command, [
    'completion zsh > ~/.zfunc/_casbin-bootstrap',
    'completion bash > ~/.local/share/bash-completion/completions/casbin-bootstrap',
    'completion fish > ~/.config/fish/completions/casbin-bootstrap.fish',
  ]);
}

/** Lets the shell complete the names of files where no word of ours fits; tab forbids that everywhere. */
function completeFiles(completion: RootCommand): void {
  const [anyFile, noFile] = [0, 4];
  Object.defineProperty(completion, 'directive', {
    get: () => (completion.completions.length === 0 ? anyFile : noFile),
    set: () => {},
  });
  const setup = completion.setup.bind(completion);
  completion.setup = (name, executable, shell) => {
    setup(name, executable, shell);
    // The last such line counts. That of the script that tab prints lets the shell complete nothing.
    if (shell === 'bash') console.log(`complete -o default -F __casbin_bootstrap_complete ${name}`);
  };
}
