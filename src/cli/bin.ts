#!/usr/bin/env node
import { run } from './program.ts';

// A reader that went away, as in `casbin-bootstrap seed | head -1`, is no failure of ours
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exitCode = await run(process.argv, process.env);
