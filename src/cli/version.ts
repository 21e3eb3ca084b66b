import { createRequire } from 'node:module';

/** The version of this package. */
export function readVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('casbin-bootstrap/package.json');
  return version;
}
