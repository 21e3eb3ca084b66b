/** What somebody's code may throw, and how a message tells it. */
export const THROWN: [string, unknown, string][] = [
  ['an error', new Error('no stock'), 'no stock'],
  ['an error that ends with a period', new Error('No stock.'), 'No stock'],
  ['an error without a message', new RangeError(), 'RangeError'],
  ['a string', 'no stock', 'no stock'],
  ['nothing', undefined, 'no reason was given'],
  ['null', null, 'no reason was given'],
  ['an empty string', '', 'no reason was given'],
  ['a number', 42, '42'],
  ['an object', { status: 404 }, '{ status: 404 }'],
  ['an object without a prototype', Object.create(null), '[Object: null prototype] {}'],
  ['several errors', new AggregateError([new Error('one'), new Error('two')]), 'one; two'],
];
