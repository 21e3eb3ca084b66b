import type { CellState, PageMatrix } from '../src/page/page-data.ts';
import { STATE_LABELS } from './cells.ts';

/** Explains the marks of cells, without those that this page can't have. */
export function Legend({ matrix }: { readonly matrix: PageMatrix }) {
  const known = Object.keys(STATE_LABELS) as CellState[];
  const shown = known.filter((state) => {
    if (state === 'direct' || state === 'inherited') return true;
    if (state === 'added' || state === 'missing') return matrix.isCompared;
    const key = { open: 'o', denied: 'x', error: 'e' }[state];
    return (
      (state === 'open' && matrix.unlisted === 'allow') ||
      matrix.roles.some(({ cells }) => cells.states.includes(key))
    );
  });
  return (
    <ul class="legend" aria-label="What the marks mean">
      {shown.map((state) => (
        <li key={state}>
          <i class={`mark ${state}`} aria-hidden="true" /> {STATE_LABELS[state]}
        </li>
      ))}
      {matrix.unlisted === 'deny' && <li>no mark: denied</li>}
    </ul>
  );
}
