import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { createAdapter } from '../../src/tables/adapter.ts';
import { useDatabase } from '../support/database.ts';
import { behavesAsAdapter } from './adapter-behaviour.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';

const database = useDatabase();
const pool = database.pool();
const client = new pg.Client(database.url);

beforeAll(async () => {
  await createLayouts(pool);
  await client.connect();
});

afterAll(() => client.end());

const [document] = LAYOUTS;
behavesAsAdapter('the stock adapter', pool, document, () =>
  PostgresAdapter.newAdapter({ migrate: false, dbClient: (execute) => execute(client) }),
);

for (const layout of LAYOUTS) {
  const { name, options } = layout;
  behavesAsAdapter(`our adapter on a pool, in a table of layout ${name}`, pool, layout, async () =>
    createAdapter(pool, options),
  );
  behavesAsAdapter(`our adapter on a client, in a table of layout ${name}`, pool, layout, async () =>
    createAdapter(client, options),
  );
}
