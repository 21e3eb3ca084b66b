import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import type { Logger } from 'pino';
import type { OnProgress, Progress } from '../progress.ts';
import { escapeControls } from '../render/escape-controls.ts';

type Screen = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Shows how far `work` has come on a person's terminal, and clears the bar before this ends, one way or the other.
 * Log lines that go to the same place would break it, so there is no bar beside them.
 */
export async function withProgressBar<T>(
  work: (onProgress: OnProgress) => Promise<T>,
  logger: Logger,
  stream: Screen = process.stderr,
): Promise<T> {
  if (!stream.isTTY || logger.isLevelEnabled('warn')) return work(() => {});
  let bar: SingleBar | undefined;
  const show = (progress: Progress) => {
    bar ??= openBar(stream);
    draw(bar, progress);
  };
  try {
    return await work(show);
  } finally {
    bar?.stop();
  }
}

/** Loaded when there is something to show, at once: work that keeps the process busy lets no import through. */
function openBar(stream: Screen): SingleBar {
  const { SingleBar }: typeof import('cli-progress') = createRequire(import.meta.url)('cli-progress');
  return new SingleBar({
    stream,
    format: '{label} [{bar}] {percentage}%, {value} of {total}',
    formatValue: (value, _options, type) =>
      type === 'percentage' ? String(value) : value.toLocaleString('en-US'),
    barsize: 24,
    clearOnComplete: true,
    // Else the terminal is told not to wrap, and stays so when the process is killed.
    linewrap: true,
  });
}

function draw(bar: SingleBar, { step, name, done, total }: Progress): void {
  const label = LABELS[step](name === undefined ? undefined : escapeControls(name));
  if (bar.isActive) {
    bar.setTotal(total);
    bar.update(done, { label });
  } else {
    bar.start(total, done, { label });
  }
}

const LABELS: Record<Progress['step'], (name?: string) => string> = {
  check: () => 'Checking the definition',
  read: (name) => (name === undefined ? 'Reading the policy' : `Looking for ${name}`),
  seed: (name) => `Seeding ${name ?? ''}`,
  verify: () => 'Verifying decisions',
};
