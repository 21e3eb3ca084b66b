#!/usr/bin/env node
import { EXIT } from './exit-code.ts';
import { run } from './program.ts';

// The reader may close the pipe, as in `casbin-bootstrap seed | head -1`; that is no failure of the command. A disk that
// is full is one: `casbin-bootstrap export > policy.yaml` would leave a part of the policy.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`casbin-bootstrap: the output can't be written: ${error.message}.\n`);
  process.exitCode = EXIT.FAILURE;
});
process.stderr.on('error', () => {});

const exitCode = await run(process.argv, process.env);
process.exitCode ??= exitCode;
