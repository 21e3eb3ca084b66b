import { BootstrapError, bootstrapDatabase } from 'casbin-bootstrap';
import pg from 'pg';

// A client that the server has ended while it was idle is told to the pool.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 }).on('error', () => {});
process.stdout.write(await bootstrap());
await pool.end();

async function bootstrap() {
  try {
    await bootstrapDatabase(pool, JSON.parse(process.env.OPTIONS));
    return 'succeeded';
  } catch (error) {
    if (error instanceof BootstrapError) return error.code;
    throw error;
  }
}
