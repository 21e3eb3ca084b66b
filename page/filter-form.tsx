import { useMemo } from 'preact/hooks';
import type { PageMatrix } from '../src/page/page-data.ts';
import { CHOSEN_FROM, distinctValues, type Filters, findUsers } from './selection.ts';

interface FilterFormProps {
  readonly matrix: PageMatrix;
  readonly filters: Filters;
  onChange(filters: Filters): void;
  onReset(): void;
}

/** So many users are proposed; a list of all of them would take a browser seconds to make. */
const PROPOSED = 20;

export function FilterForm({ matrix, filters, onChange, onReset }: FilterFormProps) {
  const distinct = useMemo(
    () => matrix.tokens.map((_, position) => distinctValues(matrix.permissions, position)),
    [matrix],
  );
  const setValue = (position: number) => (value: string) =>
    onChange({ ...filters, values: filters.values.with(position, value) });
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <SearchField label="Role" value={filters.role} onInput={(role) => onChange({ ...filters, role })} />
      {matrix.tokens.map((token, position) => {
        const values = distinct[position] ?? [];
        const props = { label: nameOf(token), value: filters.values[position] ?? '' };
        return values.length <= CHOSEN_FROM ? (
          <ChoiceField key={token} {...props} values={values} onInput={setValue(position)} />
        ) : (
          <SearchField key={token} {...props} onInput={setValue(position)} />
        );
      })}
      {matrix.users.length > 0 && (
        <UserField matrix={matrix} value={filters.user} onInput={(user) => onChange({ ...filters, user })} />
      )}
      <label class="field">
        <span>Show</span>
        <select
          value={filters.show}
          onInput={({ currentTarget: { value } }) =>
            onChange({ ...filters, show: value === 'allowed' || value === 'differences' ? value : 'all' })
          }
        >
          <option value="all">all permissions</option>
          <option value="allowed">what is allowed</option>
          {matrix.isCompared && <option value="differences">differences only</option>}
        </select>
      </label>
      <button type="button" class="reset" onClick={onReset}>
        Reset
      </button>
    </form>
  );
}

const NAMES: Readonly<Record<string, string>> = { obj: 'Resource', act: 'Action', dom: 'Domain' };

function nameOf(token: string): string {
  return NAMES[token] ?? token;
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  onInput(value: string): void;
}

function SearchField({ label, value, onInput }: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="search"
        value={value}
        placeholder="any"
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
    </label>
  );
}

function ChoiceField({ label, value, values, onInput }: FieldProps & { readonly values: readonly string[] }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onInput={({ currentTarget }) => onInput(currentTarget.value)}>
        <option value="">any</option>
        {values
          .filter((one) => one !== '')
          .map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
      </select>
    </label>
  );
}

function UserField({ matrix, value, onInput }: Omit<FieldProps, 'label'> & { readonly matrix: PageMatrix }) {
  return (
    <label class="field">
      <span>User</span>
      <input
        type="search"
        list="users"
        value={value}
        placeholder="the whole name"
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <datalist id="users">
        {findUsers(matrix, value, PROPOSED).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}
