import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createEmbeddedPool } from 'casbin-bootstrap/embedded';

// is killed while PostgreSQL's files are written to the folder for the first time
const mkdirSync = fs.mkdirSync;
fs.mkdirSync = (path, ...rest) => {
  if (String(path).endsWith('/base/1')) process.kill(process.pid, 'SIGKILL');
  return mkdirSync(path, ...rest);
};
syncBuiltinESMExports();
await createEmbeddedPool({ dataDir: process.argv[2] }).connect();
