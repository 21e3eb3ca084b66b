import { type Engine, startEngine } from '../embedded/engine.ts';

/** The files of a new cluster; initdb takes most of the time that a start takes. */
let snapshot: Promise<Blob> | undefined;

/** Starts an engine in memory: the first one of the process from nothing, the others from a copy of its files. */
export async function startFromSnapshot(): Promise<Engine> {
  if (snapshot !== undefined) return startEngine(undefined, await snapshot);
  const starting = startEngine(undefined);
  snapshot = starting.then((engine) => engine.dump());
  // The next start may do better.
  snapshot.catch(() => {
    snapshot = undefined;
  });
  // Nobody may write to it before it is copied.
  await snapshot;
  return starting;
}
