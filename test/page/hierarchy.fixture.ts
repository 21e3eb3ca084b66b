import type { PageHierarchy } from '../../src/page/page-data.ts';

/** Links as `child>parent`; the last `>` counts. */
export function hierarchy(...links: string[]): PageHierarchy {
  const pairs = links.map((link) => {
    const at = link.lastIndexOf('>');
    return [link.slice(0, at), link.slice(at + 1)];
  });
  const names = [...new Set(pairs.flat())];
  return {
    ptype: 'g',
    domain: '',
    nodes: names.map((name) => ({ name, state: 'defined', users: 0 })),
    edges: pairs.map(([child = '', parent = '']) => ({
      child: names.indexOf(child),
      parent: names.indexOf(parent),
      state: 'defined',
    })),
  };
}
