import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { PageMatrix } from '../src/page/page-data.ts';
import { type Cell, type ChosenCell, labelOf, markOf, roleLabel } from './cells.ts';
import type { Selection } from './selection.ts';
import { type GridPlace, moveBy, numbersIn, scrollTo, spanAt } from './windowing.ts';

interface GridProps {
  readonly matrix: PageMatrix;
  findCell(role: number, permission: number): Cell;
  readonly selection: Selection;
  readonly chosen: ChosenCell | null;
  onChoose(cell: ChosenCell): void;
}

const ROW = 32;
/** Up to this many roles, names are written horizontally; with more of them, vertically. */
const WIDE_ROLES = 8;
const WIDE = { column: 104, header: 40 };
const NARROW = { column: 34, header: 148 };

/**
 * Permissions × roles as an ARIA grid. The document contains only the cells that are on the screen. Tab leads to one
 * cell, the arrow keys lead from there to the others.
 */
export function Grid({ matrix, findCell, selection, chosen, onChoose }: GridProps) {
  const { roles, permissions } = selection;
  const look = roles.length <= WIDE_ROLES ? WIDE : NARROW;
  const scroller = useRef<HTMLDivElement>(null);
  const view = useView(scroller);
  const [active, setActive] = useState<GridPlace>({ row: 0, column: 0 });
  const place = {
    row: Math.min(active.row, permissions.length - 1),
    column: Math.min(active.column, roles.length - 1),
  };
  const moved = useRef(false);

  const label = view.labelWidth;
  const rows = numbersIn(spanAt(view.top, view.height, ROW, permissions.length), place.row);
  const columns = numbersIn(spanAt(view.left, view.width - label, look.column, roles.length), place.column);

  // The cell is in the document now, also if it was not on the screen before.
  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    const cell = scroller.current?.querySelector<HTMLElement>('[role=gridcell][tabindex="0"]');
    cell?.focus({ preventScroll: true });
    // The grid has scrolled to it, and the page may have to as well.
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });

  const moveTo = (next: GridPlace) => {
    const element = scroller.current;
    if (element === null) return;
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = element;
    element.scrollTop = scrollTo(next.row, ROW, {
      scrolled: scrollTop,
      visible: clientHeight,
      header: look.header,
    });
    element.scrollLeft = scrollTo(next.column, look.column, {
      scrolled: scrollLeft,
      visible: clientWidth,
      header: label,
    });
    moved.current = true;
    setActive(next);
  };
  const chooseAt = ({ row, column }: GridPlace) => {
    const [role, permission] = [roles[column], permissions[row]];
    if (role !== undefined && permission !== undefined) onChoose({ role, permission });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      chooseAt(place);
      return;
    }
    const page = Math.max(1, Math.floor((view.height - look.header) / ROW) - 1);
    const next = moveBy(event, place, { rows: permissions.length, columns: roles.length, page });
    if (next === null || event.altKey || event.metaKey) return;
    event.preventDefault();
    moveTo(next);
  };

  return (
    <div
      class={`grid pane ${look === WIDE ? 'wide' : 'narrow'}`}
      ref={scroller}
      role="grid"
      tabIndex={-1}
      aria-label="Roles × permissions"
      aria-rowcount={permissions.length + 1}
      aria-colcount={roles.length + 1}
      aria-readonly="true"
      onKeyDown={onKeyDown}
    >
      <div
        class="sheet"
        role="presentation"
        style={{
          width: px(label + roles.length * look.column),
          height: px(look.header + permissions.length * ROW),
        }}
      >
        <HeaderRow matrix={matrix} roles={roles} columns={columns} look={look} label={label} />
        {rows.map((row) => (
          <div
            key={permissions[row]}
            class="row"
            role="row"
            aria-rowindex={row + 2}
            style={{ top: px(look.header + row * ROW) }}
          >
            <RowHeader matrix={matrix} permissions={permissions} row={row} width={label} />
            {columns.map((column) => {
              const [role = 0, permission = 0] = [roles[column], permissions[row]];
              const isActive = row === place.row && column === place.column;
              return (
                <GridCell
                  key={role}
                  matrix={matrix}
                  role={role}
                  permission={permission}
                  cell={selection.isHeld(role, permission) ? findCell(role, permission) : null}
                  column={column}
                  left={label + column * look.column}
                  width={look.column}
                  isActive={isActive}
                  isChosen={chosen?.role === role && chosen.permission === permission}
                  onClick={() => {
                    moveTo({ row, column });
                    chooseAt({ row, column });
                  }}
                />
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

interface View {
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly height: number;
  /** The width of the column with the names of permissions. */
  readonly labelWidth: number;
}

const LABEL = { wide: 260, narrow: 150, narrowBelow: 560 };

/** The part of an element that is on the screen. */
function useView(scroller: { readonly current: HTMLDivElement | null }): View {
  const [view, setView] = useState<View>({
    top: 0,
    left: 0,
    width: 900,
    height: 600,
    labelWidth: LABEL.wide,
  });
  const look = useCallback(() => {
    const element = scroller.current;
    if (element === null) return;
    const { scrollTop, scrollLeft, clientWidth, clientHeight } = element;
    const labelWidth = clientWidth < LABEL.narrowBelow ? LABEL.narrow : LABEL.wide;
    setView({ top: scrollTop, left: scrollLeft, width: clientWidth, height: clientHeight, labelWidth });
  }, [scroller]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, [scroller, look]);
  return view;
}

interface HeaderRowProps {
  readonly matrix: PageMatrix;
  readonly roles: readonly number[];
  readonly columns: readonly number[];
  readonly look: { readonly column: number; readonly header: number };
  readonly label: number;
}

function HeaderRow({ matrix, roles, columns, look, label }: HeaderRowProps) {
  return (
    <div class="row head" role="row" aria-rowindex={1} style={{ height: px(look.header) }}>
      <div class="corner" role="columnheader" aria-colindex={1} style={{ width: px(label) }}>
        permission
      </div>
      {columns.map((column) => {
        const role = matrix.roles[roles[column] ?? -1];
        if (role === undefined) return null;
        const remark = role.kind === 'added' ? ' (not defined)' : '';
        return (
          <div
            key={role.name}
            class={`role-name ${role.kind}`}
            role="columnheader"
            aria-colindex={column + 2}
            title={`${roleLabel(role)}${remark}`}
            style={{ left: px(label + column * look.column), width: px(look.column) }}
          >
            <bdi>{roleLabel(role)}</bdi>
            {remark !== '' && <span class="hidden">{remark}</span>}
          </div>
        );
      })}
    </div>
  );
}

interface RowHeaderProps {
  readonly matrix: PageMatrix;
  readonly permissions: readonly number[];
  readonly row: number;
  readonly width: number;
}

/** Each row shows its resource, in a lighter colour if the row above has the same one. */
function RowHeader({ matrix, permissions, row, width }: RowHeaderProps) {
  const values = matrix.permissions[permissions[row] ?? -1] ?? [];
  const above = matrix.permissions[permissions[row - 1] ?? -1];
  const resource = values.slice(0, -1).join(' · ');
  const isRepeated = above !== undefined && above.slice(0, -1).join(' · ') === resource;
  return (
    <div
      class="permission"
      role="rowheader"
      aria-colindex={1}
      title={values.join(' · ')}
      style={{ width: px(width) }}
    >
      {resource !== '' && <bdi class={isRepeated ? 'resource repeated' : 'resource'}>{resource}</bdi>}
      <bdi class="action">{values.at(-1)}</bdi>
    </div>
  );
}

interface GridCellProps {
  readonly matrix: PageMatrix;
  readonly role: number;
  readonly permission: number;
  /** Null if the filter names a user who does not have the role in this domain. */
  readonly cell: Cell | null;
  readonly column: number;
  readonly left: number;
  readonly width: number;
  readonly isActive: boolean;
  readonly isChosen: boolean;
  onClick(): void;
}

function GridCell({
  matrix,
  role,
  permission,
  cell,
  column,
  left,
  width,
  isActive,
  isChosen,
  onClick,
}: GridCellProps) {
  const state = cell === null ? 'role not held here' : labelOf(cell.state, matrix);
  const mark = cell === null ? null : markOf(cell.state, matrix);
  const shownRole = matrix.roles[role];
  const name = shownRole === undefined ? '' : roleLabel(shownRole);
  return (
    <div
      class="cell"
      role="gridcell"
      aria-colindex={column + 2}
      aria-label={`${name}, ${matrix.permissions[permission]?.join(' ')}: ${state}`}
      aria-selected={isChosen}
      tabIndex={isActive ? 0 : -1}
      style={{ left: px(left), width: px(width) }}
      onClick={onClick}
    >
      {mark !== null && <i class={`mark ${mark}`} aria-hidden="true" />}
    </div>
  );
}

function px(length: number): string {
  return `${length}px`;
}
