// Opens casbin-pg-adapter together with others, as applications do at their start: it migrates.
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import { clock, whenAllReady } from './barrier.js';

await whenAllReady();
const from = clock();
const adapter = await PostgresAdapter.newAdapter({ connectionString: process.env.DATABASE_URL });
const to = clock();
await adapter.close();
console.log(JSON.stringify({ from, to }));
