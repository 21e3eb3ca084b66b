import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { CommitOutcomeUnknown, commit } from '../../src/database/dialect.ts';
import { Session } from '../../src/database/session.ts';

const failing = (error: Error) => new Session({ query: () => Promise.reject(error) });

test.each<[string, Error]>([
  ['here', Object.assign(new Error('duplicate key'), { code: '23505' })],
  [
    'in another context, as Jest makes them',
    runInNewContext(`Object.assign(new Error('x'), { code: '23505' })`),
  ],
])('a commit that the server refuses ends with its error, made %s', async (_, refusal) => {
  await expect(commit(failing(refusal))).rejects.toBe(refusal);
});

test.each(['EPIPE', '08006', undefined])(
  'a commit without an answer (%s) has no known outcome',
  async (code) => {
    const session = failing(Object.assign(new Error('gone'), { code }));
    await expect(commit(session)).rejects.toBeInstanceOf(CommitOutcomeUnknown);
    expect(session.broken).not.toBeNull();
  },
);
