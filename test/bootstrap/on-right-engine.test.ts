import { describe, expect, test } from 'vitest';
import { onRightEngine } from '../../src/bootstrap/on-right-engine.ts';
import { withSession } from '../../src/database/session.ts';
import type { EngineName } from '../../src/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { createDatabase } from '../support/database.ts';

/** Reads, and is refused with this code the first time: the engines as which it read. */
async function enginesOf(said: 'Neon' | 'PostgreSQL', code: string) {
  const database = await createDatabase();
  if (said === 'Neon')
    await database.pool().query(`alter database ${database.name} set neon.timeline_id = 'a'`);
  const pool = database.pool();
  const options = await resolveOptions(pool, {});
  const engines: EngineName[] = [];
  const read = async ({ engine }: typeof options) => {
    engines.push(engine.name);
    if (engines.length === 1) throw Object.assign(new Error('refused'), { code });
    return 'read';
  };
  const outcome = withSession(pool, (session) => onRightEngine(session, options, read), options);
  return { outcome: await outcome.catch((error: Error) => error.message), engines };
}

describe('what a server refuses', () => {
  test.each(['0A000', '42601', '42883', '42704', 'XX000'])(
    'with %s is asked again, as the engine that it says it is',
    async (code) => {
      expect(await enginesOf('Neon', code)).toEqual({ outcome: 'read', engines: ['postgresql', 'neon'] });
    },
  );

  test('is not asked again where the server is PostgreSQL itself', async () => {
    expect(await enginesOf('PostgreSQL', '42883')).toEqual({ outcome: 'refused', engines: ['postgresql'] });
  });

  test('for another reason is not asked again', async () => {
    expect(await enginesOf('Neon', '42P01')).toEqual({ outcome: 'refused', engines: ['postgresql'] });
  });
});
