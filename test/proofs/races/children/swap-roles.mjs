import { changePolicy, createAdapter } from 'casbin-bootstrap';
import pg from 'pg';
import { serveRounds } from '../../../support/children/rounds.mjs';

// Each transaction takes the role from one of two users and gives it to the other; by our functions, or by SQL.
const mine = Number(process.env.PROCESS_INDEX);
await serveRounds(async ({ url, table, turns }) => {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const client = await pool.connect();
  return async () => {
    for (let turn = 0; turn < turns; turn++) {
      const pair = (mine * 7 + turn * 3) % 5;
      const [from, to] = turn % 2 === 0 ? ['a', 'b'] : ['b', 'a'];
      const [loser, winner] = [`${from}${mine} ${pair}`, `${to}${mine} ${pair}`];
      await client.query('begin');
      const held = await client.query(
        table === 'casbin'
          ? `select from casbin where ptype = 'g' and rule ->> 0 = $1`
          : `select from casbin_rule where ptype = 'g' and v0 = $1`,
        [loser],
      );
      if (held.rows.length > 0) {
        const change = { unassign: [[loser, 'user']], assign: [[winner, 'user']] };
        if (turn % 3 === 0) await changePolicy(client, change, { actor: 'race', table });
        else {
          const adapter = createAdapter(client, { table });
          await adapter.removePolicy('g', 'g', [loser, 'user']);
          await adapter.addPolicy('g', 'g', [winner, 'user']);
        }
      }
      await client.query(turn % 11 === 10 ? 'rollback' : 'commit');
    }
    client.release();
    await pool.end();
    return 'done';
  };
});
