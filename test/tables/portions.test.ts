import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { ClientLike } from '../../src/database/client.ts';
import { POSTGRESQL } from '../../src/database/engine.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { PORTION, readPortions } from '../../src/tables/portions.ts';

test('a connection that is lost while a portion is refused does not end the process', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const answers = [{ rows: [] }, { rows: Array(PORTION).fill({ id: 1 }) }];
  const client: ClientLike = {
    async query() {
      const answer = answers.shift();
      if (answer === undefined) throw new Error('lost');
      return { ...answer, rowCount: answer.rows.length, command: 'FETCH' };
    },
  };
  const table = new DocumentTable('casbin', undefined, 'casbin', POSTGRESQL);
  const reading = readPortions(client, table, { text: 'select 1 as id', values: [] }, () => {
    throw new Error('refused');
  });

  await expect(reading).rejects.toThrow('refused');
  await setImmediate();

  expect(unhandled).toEqual([]);
});
