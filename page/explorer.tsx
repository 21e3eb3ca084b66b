import { render } from 'preact';
import { useCallback, useMemo, useState } from 'preact/hooks';
import type { CellState, PageMatrix } from '../src/page/page-data.ts';
import { type ChosenCell, cellFinder, STATE_LABELS } from './cells.ts';
import { ExplanationPanel } from './explanation-panel.tsx';
import { FilterForm } from './filter-form.tsx';
import { Grid } from './grid.tsx';
import { type Filters, noFilters, select } from './selection.ts';

const place = document.getElementById('explorer');
const data = document.getElementById('data')?.textContent;
if (place !== null && data) {
  const matrix: PageMatrix = JSON.parse(data);
  render(<Explorer matrix={matrix} />, place);
}

/** The matrix with its filters, and the explanation of the chosen cell. */
function Explorer({ matrix }: { readonly matrix: PageMatrix }) {
  const [filters, setFilters] = useState<Filters>(() => noFilters(matrix));
  const [chosen, choose] = useState<ChosenCell | null>(null);
  const findCell = useMemo(() => cellFinder(matrix), [matrix]);
  const selection = useMemo(() => select(matrix, filters), [matrix, filters]);
  const reset = useCallback(() => setFilters(noFilters(matrix)), [matrix]);
  if (matrix.roles.length === 0)
    return <p class="empty">There is nothing to show: no role has a permission.</p>;
  const isNothing = selection.roles.length === 0 || selection.permissions.length === 0;
  return (
    <div class="explorer">
      <FilterForm matrix={matrix} filters={filters} onChange={setFilters} onReset={reset} />
      <p class="shown" role="status">
        {describeShown(matrix, selection.roles.length, selection.permissions.length)}
      </p>
      <div class="panes">
        {isNothing ? (
          <p class="empty pane">
            {describeNothing(matrix, filters)}{' '}
            <button type="button" onClick={reset}>
              Show everything
            </button>
          </p>
        ) : (
          <Grid matrix={matrix} findCell={findCell} selection={selection} chosen={chosen} onChoose={choose} />
        )}
        <ExplanationPanel matrix={matrix} findCell={findCell} chosen={chosen} />
      </div>
      <Legend matrix={matrix} />
    </div>
  );
}

function describeShown(
  { roles, permissions }: PageMatrix,
  shownRoles: number,
  shownPermissions: number,
): string {
  const of = (shown: number, all: number, noun: string) =>
    `${shown === all ? all.toLocaleString('en-US') : `${shown.toLocaleString('en-US')} of ${all.toLocaleString('en-US')}`} ${noun}${all === 1 ? '' : 's'}`;
  return `${of(shownRoles, roles.length, 'role')} × ${of(shownPermissions, permissions.length, 'permission')}`;
}

function describeNothing({ users }: PageMatrix, { user, show }: Filters): string {
  if (user !== '' && !users.some(({ name }) => name === user)) return 'No user on this page has this name.';
  if (show === 'differences') return 'Nothing here differs from the definition.';
  return 'No permission matches these filters.';
}

/** Explains the marks of cells, without those that this page can't have. */
function Legend({ matrix }: { readonly matrix: PageMatrix }) {
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
