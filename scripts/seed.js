// `npm run seed`: in this repository no server is needed. The command itself takes an embedded database only when told
// to.
const given = process.argv.slice(2);
const place = process.env.DATABASE_URL === undefined ? ['--embedded', '.data/pglite'] : [];
process.argv.splice(2, given.length, 'seed', ...place, ...given);
await import('../dist/cli.js');
