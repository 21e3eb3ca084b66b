import type { Seeder } from '../../src/index.ts';

/** A seeder that runs until `goOn` is called; `begun` resolves when it has begun. */
export function createWaitingSeeder() {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const seeder: Seeder = {
    name: 'waiting',
    async seed() {
      begin();
      await gate;
      return { inserted: 0, existing: 0 };
    },
  };
  return { seeder, begun, goOn };
}
