import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Runs a script of children/ in a Node process of its own, and returns the JSON that it prints.
 * @param {string} script
 * @param {readonly string[]} args
 * @param {Record<string, string>} env
 * @param {readonly string[]} flags  Node's own
 */
export async function runChild(script, args = [], env = {}, flags = []) {
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url));
  const { stdout } = await run(process.execPath, [...flags, path, ...args], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}
