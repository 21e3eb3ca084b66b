import type { PageMatrix } from '../src/page/page-data.ts';
import { type Cell, type ChosenCell, markOf, roleLabel } from './cells.ts';
import { describeCell } from './describe-cell.ts';

interface ExplanationPanelProps {
  readonly matrix: PageMatrix;
  findCell(role: number, permission: number): Cell;
  readonly chosen: ChosenCell | null;
}

/** The explanation of the chosen cell. Screen readers announce its changes. */
export function ExplanationPanel({ matrix, findCell, chosen }: ExplanationPanelProps) {
  return (
    <aside class="explanation" aria-label="Why" aria-live="polite" aria-atomic="true">
      {chosen === null ? (
        <p class="empty">
          Choose a cell to see why it is as it is: click it, or go there by the arrow keys and press Enter.
        </p>
      ) : (
        <Explanation matrix={matrix} findCell={findCell} chosen={chosen} />
      )}
    </aside>
  );
}

function Explanation({
  matrix,
  findCell,
  chosen: { role, permission },
}: ExplanationPanelProps & { readonly chosen: ChosenCell }) {
  const cell = findCell(role, permission);
  const { decision, reason, rule, path, rows, added, granted, command } = describeCell(
    matrix,
    cell,
    role,
    permission,
  );
  const values = matrix.permissions[permission] ?? [];
  const shownRole = matrix.roles[role];
  return (
    <>
      <h3>
        <bdi>{shownRole === undefined ? '' : roleLabel(shownRole)}</bdi>
        <span class="values">
          {values.map((value, position) => (
            <span key={position}>
              {position > 0 && ' · '}
              <bdi>{value}</bdi>
            </span>
          ))}
        </span>
      </h3>
      <p class="answer">
        <i class={`mark ${markOf(cell.state, matrix) ?? 'none'}`} aria-hidden="true" />{' '}
        <strong>{decision}</strong>
        <span>: {reason}</span>
      </p>
      <dl>
        {rule !== null && (
          <>
            <dt>{rule.state === 'missing' ? 'Missing rule' : 'Rule'}</dt>
            <dd>
              <code>{rule.text}</code>
            </dd>
          </>
        )}
        {path.length > 0 && (
          <>
            <dt>Path of roles</dt>
            <dd class="path">
              {path.map((name, position) => (
                <span key={position}>
                  {position > 0 && ' → '}
                  <bdi>{name}</bdi>
                </span>
              ))}
            </dd>
          </>
        )}
        {rows.length > 0 && (
          <>
            <dt>{rows.length === 1 ? 'Row' : 'Rows'}</dt>
            <dd>{rows.join(', ')}</dd>
          </>
        )}
        {added.length > 0 && (
          <>
            <dt>Not in the definition</dt>
            {added.map((line) => (
              <dd key={line}>
                <code>{line}</code>
              </dd>
            ))}
          </>
        )}
        {granted.length > 0 && (
          <>
            <dt>Added by</dt>
            {granted.map((line) => (
              <dd key={line}>
                <bdi>{line}</bdi>
              </dd>
            ))}
          </>
        )}
        <dt>To see more</dt>
        <dd>
          <code>{command}</code>
        </dd>
      </dl>
    </>
  );
}
