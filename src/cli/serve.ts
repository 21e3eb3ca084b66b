import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import { remark } from '../render/remark.ts';
import type { CommandContext, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';
import { OFFLINE_OPTION, type OfflineFlags, withDatabaseOrDefinition } from './policy-of.ts';

interface ServeFlags extends OfflineFlags {
  readonly port?: number;
  readonly strict?: true;
  readonly users: boolean;
}

/** Adds `casbin-bootstrap serve`: the page in a browser, live. */
export function addServeCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('serve')
    .description('Show the page of report in a browser on this machine, read-only and live, until Ctrl+C.')
    .option('--port <number>', 'the port on 127.0.0.1 (default: a free one)', parsePort)
    .option('--strict', 'drift is a failure')
    .option('--no-users', 'leave out the names of users')
    .option(...OFFLINE_OPTION);
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'serve --policy policy.yaml',
    'serve --port 8080 --no-users',
    'serve --offline --policy policy.yaml',
  ]);
  command.action(() => run<ServeFlags>(command, serve));
}

async function serve(context: CommandContext<ServeFlags>): Promise<null> {
  const { servePage } = await import('../index.ts');
  const { flags, options, print } = context;
  return withDatabaseOrDefinition(context, async ({ pool, where, note }) => {
    const server = await servePage(pool, {
      ...options,
      users: flags.users,
      ...(flags.strict && { strict: true }),
      ...(flags.port === undefined ? {} : { port: flags.port }),
    });
    // Only from here on: before, a signal ends the process at once, and nothing has to be closed.
    const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    const message = `The page is at ${server.url} until Ctrl+C.`;
    print({
      document: { url: server.url },
      note,
      pretty: () => `${where}\n\n${message}`,
      remarks: () => [remark('note', 'PAGE_SERVED', message)],
    });
    await stopped;
    await server.close();
    return null;
  });
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('Give a number from 0, which is a free one, to 65535.');
}
