#!/usr/bin/env node
import { reasonOf } from '../text.ts';
import { EXIT } from './exit-code.ts';
import { run } from './program.ts';

/** The reader has closed the pipe, as in `casbin-bootstrap seed | head -1`; that is no failure of the command. */
const READER_GONE = ['EPIPE', 'ECONNRESET'];

/** How long a pool that the configuration opens, or a server that does not answer, may keep the process running. */
const LINGER_MS = 1_000;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (READER_GONE.includes(error.code ?? '')) return;
  process.stderr.write(
    `casbin-bootstrap: the result is incomplete, it can't be written: ${reasonOf(error)}.\n`,
  );
  // At the very end, because the command itself may have succeeded.
  process.once('exit', () => {
    process.exitCode = EXIT.FAILURE;
  });
});
process.stderr.on('error', () => {});

process.exitCode = await run(process.argv, process.env);
setTimeout(() => process.stdout.write('', () => process.exit()), LINGER_MS).unref();
