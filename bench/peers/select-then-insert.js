import { inTransaction } from '../transaction.js';

/** What most seeders by hand do: for each rule, look whether it is there, and insert it if not. */
export function selectThenInsert(pool, rules) {
  return inTransaction(pool, async (client) => {
    for (const { ptype, values } of rules) {
      const parameters = [ptype, JSON.stringify(values)];
      const { rowCount } = await client.query(
        'select from casbin where ptype = $1 and rule = $2::jsonb',
        parameters,
      );
      if (rowCount === 0) await client.query('insert into casbin (ptype, rule) values ($1, $2)', parameters);
    }
  });
}
