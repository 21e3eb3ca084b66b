import { describe, expect, test } from 'vitest';
import { createProgressReporter, type OnProgress, type Progress } from '../../src/progress.ts';
import { captureLog, linesOf, WARN } from '../bootstrap/log.fixture.ts';

/** A reporter on a clock that the test turns. */
function createReporter(listen: (progress: Progress) => unknown = () => {}) {
  const clock = { time: 1_000 };
  const { logger, lines } = captureLog();
  const seen: Progress[] = [];
  const onProgress: OnProgress = (progress) => {
    seen.push(progress);
    return listen(progress);
  };
  return { clock, lines, seen, progress: createProgressReporter(logger, onProgress, () => clock.time) };
}

describe('progress', () => {
  test('says nothing of work that takes less than half a second', () => {
    const { clock, lines, seen, progress } = createReporter();
    const report = progress.start('verify', 100);
    for (let done = 0; done <= 100; done++) {
      clock.time += 4;
      report(done);
    }
    expect([lines, seen]).toEqual([[], []]);
  });

  test('of one tenant of many names the tenant', () => {
    const { clock, lines, seen, progress } = createReporter();
    const report = progress.of({ tenant: 'acme' }).start('seed', 100, 'rbac');
    clock.time += 600;
    report(50);
    expect(seen).toEqual([{ tenant: 'acme', step: 'seed', name: 'rbac', done: 50, total: 100 }]);
    expect(linesOf(lines, 'progress')).toMatchObject([{ tenant: 'acme', done: 50 }]);
  });

  test('is reported at most twice a second, and at the end', () => {
    const { clock, seen, progress } = createReporter();
    const report = progress.start('verify', 1_000);
    for (let done = 1; done <= 1_000; done++) {
      clock.time += 1.2;
      report(done);
    }
    expect(seen.map(({ done }) => done)).toEqual([417, 834, 1_000]);
  });

  test('is reported once at the end, and never for a step that was not reported before', () => {
    const { clock, seen, progress } = createReporter();
    const report = progress.start('seed', 2, 'roles');
    clock.time += 600;
    report(1);
    report(2);
    clock.time += 600;
    report(2);
    const slow = progress.start('seed', 1, 'permissions');
    clock.time += 60_000;
    slow(1);
    expect(seen).toEqual([
      { step: 'seed', name: 'roles', done: 1, total: 2 },
      { step: 'seed', name: 'roles', done: 2, total: 2 },
    ]);
  });

  test('begins again with each step', () => {
    const { clock, seen, progress } = createReporter();
    const read = progress.start('read', 10);
    clock.time += 499;
    read(5);
    const verify = progress.start('verify', 10);
    clock.time += 499;
    verify(5);
    read(6);
    expect(seen).toEqual([{ step: 'read', done: 6, total: 10 }]);
  });

  test('takes a total that is only known on the way', () => {
    const { clock, seen, progress } = createReporter();
    const report = progress.start('seed', 0, 'own');
    clock.time += 600;
    report(1, 3);
    report(3, 3);
    expect(seen.map(({ done, total }) => [done, total])).toEqual([
      [1, 3],
      [3, 3],
    ]);
  });

  test('is logged too, at info', () => {
    const { clock, lines, progress } = createReporter();
    const report = progress.start('seed', 4, 'roles');
    clock.time += 600;
    report(2);
    expect(lines).toEqual([
      expect.objectContaining({
        level: 30,
        event: 'progress',
        step: 'seed',
        name: 'roles',
        done: 2,
        total: 4,
      }),
    ]);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no screen');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no screen'))],
  ])('goes on when the listener %s, and logs why', async (_how, listen) => {
    const { clock, lines, seen, progress } = createReporter(listen);
    const report = progress.start('read', 3);
    for (const done of [1, 2, 3]) {
      clock.time += 600;
      report(done);
    }
    await new Promise(setImmediate);
    expect(seen.map(({ done }) => done)).toEqual([1, 2, 3]);
    expect(linesOf(lines, 'progress_listener_failed')).toEqual(
      [1, 2, 3].map(() =>
        expect.objectContaining({ level: WARN, err: expect.objectContaining({ message: 'no screen' }) }),
      ),
    );
  });
});
