import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { useDatabase } from '../support/database.ts';
import { behavesAsAdapter } from './adapter-behaviour.ts';
import { createRuleTable } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();
const client = new pg.Client(database.url);

beforeAll(async () => {
  await createRuleTable(pool);
  await client.connect();
});

afterAll(() => client.end());

behavesAsAdapter('the stock adapter', pool, () =>
  PostgresAdapter.newAdapter({ migrate: false, dbClient: (execute) => execute(client) }),
);

behavesAsAdapter('our adapter on a pool', pool, async () => createAdapter(pool));

behavesAsAdapter('our adapter on a client', pool, async () => createAdapter(client));
