import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import type { Logger } from 'pino';
import type { OnProgress, Progress } from '../progress.ts';
import { escapeControls } from '../text.ts';

type Screen = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Shows the progress of `work` on a terminal, and clears the bar at the end, also after an error. There is no bar if
 * log lines go to the same terminal, because they would break it.
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

/** Loads the bar synchronously, because work that keeps the process busy would delay an import. */
function openBar(stream: Screen): SingleBar {
  const { SingleBar }: typeof import('cli-progress') = createRequire(import.meta.url)('cli-progress');
  return new SingleBar({
    stream,
    format: '{label} [{bar}] {percentage}%, {value} of {total}',
    formatValue: (value) => value.toLocaleString('en-US'),
    barsize: 24,
    clearOnComplete: true,
    // Otherwise cli-progress turns off line wrapping, and it stays off if the process is killed.
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
