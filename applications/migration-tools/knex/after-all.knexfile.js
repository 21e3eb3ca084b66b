import config from './knexfile.js';

export default {
  ...config,
  migrations: { ...config.migrations, afterAll: () => console.log('afterAll was called') },
};
