import { describe, expect, test } from 'vitest';
import { HashTable, hashAll, hashText } from '../../src/collections.ts';

describe('the hash of a text', () => {
  test('is that of FNV-1a, with an end that no text has', () => {
    // By hand: (basis ^ 0x61) * prime, then (… ^ 0x10000) * prime, as 32-bit integers.
    const step = (hash: number, unit: number) => Math.imul(hash ^ unit, 0x01000193);
    expect(hashText('')).toBe(step(0x811c9dc5, 0x10000));
    expect(hashText('a')).toBe(step(step(0x811c9dc5, 0x61), 0x10000));
    expect(hashText('aä')).toBe(step(step(step(0x811c9dc5, 0x61), 0xe4), 0x10000));
  });

  test('continues another hash, and distinguishes texts that are equal when joined', () => {
    expect(hashText('b', hashText('a'))).not.toBe(hashText('ab'));
    expect(hashText('', hashText('ab'))).not.toBe(hashText('ab'));
    expect(hashText('c', hashText('ab'))).not.toBe(hashText('bc', hashText('a')));
  });

  test('distinguishes nearly all of many texts', () => {
    const hashes = hashAll(50_000, (n) => hashText(`role ${n}`));
    expect(new Set(hashes).size).toBeGreaterThan(49_990);
  });
});

describe('a table of hashes', () => {
  test('finds each of many positions, the first before those that share its hash', () => {
    const table = new HashTable(hashAll(10_000, (position) => hashText(`${position % 2_500}`)));
    for (const n of [0, 1, 2_499]) {
      expect([...table.find(hashText(`${n}`))]).toEqual([n, n + 2_500, n + 5_000, n + 7_500]);
    }
    expect([...table.find(hashText('2500'))]).toEqual([]);
  });

  test('looks at few others on the way, however alike the hashes are', () => {
    // All the same in their lower half, as hashes of texts with one ending may be.
    const hashes = hashAll(4_096, (position) => position << 16);
    const table = new HashTable(hashes);
    let looked = 0;
    const counting = new Proxy(hashes, {
      get(target, key) {
        looked += 1;
        return Reflect.get(target, key);
      },
    });
    for (const position of [0, 1, 4_095])
      expect([...table.find(counting[position] ?? 0)]).toEqual([position]);
    expect(looked).toBe(3);
  });
});
