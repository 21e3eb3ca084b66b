import { execFileSync } from 'node:child_process';

/** Whom to run PostgreSQL as; spread into the options of `child_process`. Empty: as ourselves. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root, and initdb wants an account that has a name. */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  return findAccount('postgres') ?? findAccount('nobody') ?? noAccount();
}

/** Makes the account the owner of everything below the path. */
export function handOver(path: string, { uid, gid }: Account): void {
  if (uid !== undefined) execFileSync('chown', ['-R', `${uid}:${gid}`, path]);
}

function findAccount(name: string): Account | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function noAccount(): never {
  throw new Error('PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to use.');
}
