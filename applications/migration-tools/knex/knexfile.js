export default {
  client: 'pg',
  connection: process.env.DATABASE_URL,
  migrations: { directory: `${import.meta.dirname}/migrations` },
};
