#!/usr/bin/env node
import { run } from './program.ts';

// The reader may close the pipe, as in `casbin-bootstrap seed | head -1`; that is no failure of the command.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exitCode = await run(process.argv, process.env);
