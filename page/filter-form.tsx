import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { PageMatrix } from '../src/page/page-data.ts';
import { CHOSEN_FROM, distinctValues, type Filters, findUsers } from './selection.ts';

interface FilterFormProps {
  readonly matrix: PageMatrix;
  readonly filters: Filters;
  onChange(filters: Filters): void;
  onReset(): void;
}

/** The number of suggested users; a browser would need seconds for a list of all of them. */
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
      <SearchField
        id="role"
        label="Role"
        value={filters.role}
        onInput={(role) => onChange({ ...filters, role })}
      />
      {matrix.tokens.map((token, position) => {
        const values = distinct[position] ?? [];
        const props = {
          id: `value-${position}`,
          label: nameOf(token),
          value: filters.values[position] ?? '',
        };
        return values.length <= CHOSEN_FROM ? (
          <ChoiceField key={token} {...props} values={values} onInput={setValue(position)} />
        ) : (
          <SearchField key={token} {...props} onInput={setValue(position)} />
        );
      })}
      {matrix.users.length > 0 && (
        <UserField matrix={matrix} value={filters.user} onInput={(user) => onChange({ ...filters, user })} />
      )}
      <Field id="show" label="Show">
        <select
          id="show"
          value={filters.show}
          onInput={({ currentTarget: { value } }) =>
            onChange({ ...filters, show: value === 'allowed' || value === 'differences' ? value : 'all' })
          }
        >
          <option value="all">all permissions</option>
          <option value="allowed">what is allowed</option>
          {matrix.isCompared && <option value="differences">differences only</option>}
        </select>
      </Field>
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

function Field({
  id,
  label,
  children,
}: Pick<FieldProps, 'id' | 'label'> & { readonly children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
    </div>
  );
}

interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  onInput(value: string): void;
}

function SearchField({ id, label, value, onInput }: FieldProps) {
  return (
    <Field id={id} label={label}>
      <input
        id={id}
        type="search"
        value={value}
        placeholder="any"
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
    </Field>
  );
}

function ChoiceField({
  id,
  label,
  value,
  values,
  onInput,
}: FieldProps & { readonly values: readonly string[] }) {
  return (
    <Field id={id} label={label}>
      <select id={id} value={value} onInput={({ currentTarget }) => onInput(currentTarget.value)}>
        <option value="">any</option>
        {values
          .filter((one) => one !== '')
          .map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
      </select>
    </Field>
  );
}

function UserField({
  matrix,
  value,
  onInput,
}: Pick<FieldProps, 'value' | 'onInput'> & { readonly matrix: PageMatrix }) {
  return (
    <Field id="user" label="User">
      <input
        id="user"
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
    </Field>
  );
}
