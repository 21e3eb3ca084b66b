import { describe, expect, test } from 'vitest';
import { NestedTransactionRefused, refuseTransactionControl } from '../../src/database/refused-statement.ts';

describe('a statement that begins or ends a transaction', () => {
  test.each([
    ['begin', 'begin'],
    ['BEGIN isolation level serializable', 'begin'],
    ['start transaction', 'start transaction'],
    ['Start\n  Transaction read only', 'start\n  transaction'],
    ['commit', 'commit'],
    ['commit and chain', 'commit'],
    ['end;', 'end'],
    ['abort', 'abort'],
    ['rollback', 'rollback'],
    ['rollback; select 1', 'rollback'],
    ["prepare transaction 'one'", 'prepare transaction'],
    ['  \n\t commit', 'commit'],
    ['-- now\ncommit', 'commit'],
    ['-- now\n-- really\ncommit', 'commit'],
    ['/* now */ commit', 'commit'],
    ['/* now\n really */ /**/ commit /* done */', 'commit'],
    ['/* one */commit/* two */', 'commit'],
    ["rollback ; insert into log values (' to ')", 'rollback'],
    ['rollback work', 'rollback'],
    ['commit into', 'commit'],
  ])('is refused: %j', (statement, control) => {
    expect(() => refuseTransactionControl(statement)).toThrow(
      new NestedTransactionRefused(`the statement "${control}" was refused`),
    );
  });

  test('is refused as such', () => {
    expect(() => refuseTransactionControl('commit')).toThrow(NestedTransactionRefused);
  });
});

describe('any other statement', () => {
  test.each([
    'savepoint one',
    'release savepoint one',
    'rollback to savepoint one',
    'rollback to one',
    'rollback  work\n to savepoint one',
    'rollback\n  to one',
    'ROLLBACK WORK TO SAVEPOINT one',
    'rollback transaction to savepoint one',
    'select 1',
    'insert into casbin values (1)',
    'prepare plan as select 1',
    'start_all()',
    'select begin_of_day from shop',
    "insert into log values ('commit')",
    'committed',
    'endpoints',
    '-- commit\nselect 1',
    '/* commit */ select 1',
    '/* one */ select 1 /* commit */',
    'select 1; -- commit',
    '',
  ])('passes: %j', (statement) => {
    expect(() => refuseTransactionControl(statement)).not.toThrow();
  });
});
