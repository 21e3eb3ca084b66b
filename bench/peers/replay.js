/** A pool that notes down every statement which passes through it, with its parameters. */
export function recording(pool) {
  const statements = [];
  const record = (client) =>
    new Proxy(client, {
      get(target, property) {
        const value = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return (...given) => {
          if (property === 'query') statements.push(given);
          return value.apply(target, given);
        };
      },
    });
  return { statements, connect: async () => record(await pool.connect()) };
}

/** The same statements by hand, with nothing between them. */
export async function replay(pool, statements) {
  const client = await pool.connect();
  try {
    for (const given of statements) await client.query(...given);
  } finally {
    client.release();
  }
}
