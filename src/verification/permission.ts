import { HashTable, hashAll, hashText } from '../policy/hash-table.ts';
import type { Request } from './requests.ts';

/** What a request asks for: the same for requests that differ in their subject only. */
export function hashPermission(request: Request, subject: number): number {
  return request.reduce((hash, value, position) => (position === subject ? hash : hashText(value, hash)), 0);
}

/** Whether two requests ask for the same, whoever asks. */
export function isSamePermission(one: Request, other: Request, subject: number): boolean {
  return (
    one.length === other.length &&
    one.every((value, position) => position === subject || value === other[position])
  );
}

/** The permissions, each once. */
export function withoutRepetition(permissions: readonly Request[], subject: number): Request[] {
  const hashes = hashAll(permissions.length, (position) =>
    hashPermission(permissions[position] ?? [], subject),
  );
  const table = new HashTable(hashes);
  return permissions.filter((permission, position) => {
    for (const other of table.find(hashes[position] ?? 0)) {
      if (isSamePermission(permissions[other] ?? [], permission, subject)) return other === position;
    }
    return true;
  });
}
