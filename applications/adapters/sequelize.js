import { SequelizeAdapter } from 'casbin-sequelize-adapter';

export const tableName = 'casbin_rule';

export async function openAdapter(url) {
  const { hostname, port, username, password, pathname } = new URL(url);
  const adapter = await SequelizeAdapter.newAdapter({
    dialect: 'postgres',
    host: hostname,
    port: Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
    logging: false,
  });
  return { adapter, close: () => adapter.close() };
}
