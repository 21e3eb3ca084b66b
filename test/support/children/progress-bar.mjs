import { pino } from 'pino';
import { withProgressBar } from '../../../dist/src/cli/progress-bar.js';
import { createProgressReporter } from '../../../dist/src/progress.js';

const logger = pino({ level: 'silent' });
let time = 0;
await withProgressBar(async (onProgress) => {
  const progress = createProgressReporter(logger, onProgress, () => {
    time += 1_000;
    return time;
  });
  const report = progress.start('seed', 4_000, 'roles');
  report(1_000);
  report(4_000);
}, logger);
console.log('Done.');
