import { spawnSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { withProgressBar } from '../../src/cli/progress-bar.ts';
import { createProgressReporter, type ProgressReporter } from '../../src/progress.ts';

const CLEAR_LINE = '\x1b[2K';
const NO_WRAPPING = '\x1b[?7l';
const CHILD = fileURLToPath(new URL('../support/children/progress-bar.mjs', import.meta.url));
const hasPseudoTerminals = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout);

/** What stands on a screen after work that takes a second between any two reports, and what came of the work. */
async function show<T>(
  work: (progress: ProgressReporter) => Promise<T>,
  { level = 'silent', isTTY = true } = {},
) {
  const screen = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns: 80 });
  const logger = pino({ level }, new PassThrough());
  let time = 0;
  const clock = () => {
    time += 1_000;
    return time;
  };
  const [outcome] = await Promise.allSettled([
    withProgressBar((onProgress) => work(createProgressReporter(logger, onProgress, clock)), logger, screen),
  ]);
  return { outcome, written: String(screen.read() ?? '') };
}

async function seedRoles(progress: ProgressReporter) {
  progress.start('seed', 4_000, 'ro\x1bles')(1_000);
  progress.start('verify', 200)(100);
  return 'done';
}

describe('the progress bar', () => {
  test('shows how far each step has come, and is cleared before the work ends', async () => {
    const { outcome, written } = await show(seedRoles);
    expect(outcome).toEqual({ status: 'fulfilled', value: 'done' });
    expect(stripVTControlCharacters(written)).toBe(
      'Seeding ro\\u001bles [======------------------] 25%, 1,000 of 4,000' +
        'Verifying decisions [============------------] 50%, 100 of 200',
    );
    expect(written.endsWith(CLEAR_LINE)).toBe(true);
    expect(written, 'a killed process would leave its terminal so').not.toContain(NO_WRAPPING);
  });

  test.each([
    ['check', undefined, 'Checking the definition'],
    ['read', undefined, 'Reading the policy'],
    ['read', 'providers', 'Looking for providers'],
  ] as const)('tells what is done: %s, %s', async (step, name, label) => {
    const { written } = await show(async (progress) => progress.start(step, 4, name)(1));
    expect(stripVTControlCharacters(written)).toContain(`${label} [`);
  });

  test('is cleared before a failure is printed', async () => {
    const failure = new Error('the seeder failed');
    const { outcome, written } = await show(async (progress) => {
      await seedRoles(progress);
      throw failure;
    });
    expect(outcome).toEqual({ status: 'rejected', reason: failure });
    expect(written.endsWith(CLEAR_LINE)).toBe(true);
  });

  test('does not appear for work that reports no progress', async () => {
    const { written } = await show(async (progress) => {
      progress.start('seed', 16, 'rbac')(16);
    });
    expect(written).toBe('');
  });

  test.each([
    ['what is written goes to no terminal', { isTTY: false }],
    ['log lines would tear it', { level: 'info' }],
    ['warnings would tear it', { level: 'warn' }],
  ])('does not appear where %s', async (_where, options) => {
    const { outcome, written } = await show(seedRoles, options);
    expect(outcome).toEqual({ status: 'fulfilled', value: 'done' });
    expect(written).toBe('');
  });

  test.runIf(hasPseudoTerminals)('leaves nothing behind on a real terminal', () => {
    const command = `"${process.execPath}" "${CHILD}"`;
    const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain('Seeding roles [======------------------] 25%, 1,000 of 4,000');
    expect(stdout.slice(stdout.lastIndexOf(CLEAR_LINE))).toBe(`${CLEAR_LINE}Done.\r\n`);
  });
});
