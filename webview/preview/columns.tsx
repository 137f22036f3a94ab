import type { VNode } from 'preact';
import type { DataPreview, PreviewColumn, ReadChoices } from '../../src/shared/preview.ts';
import { formatInteger } from '../ui/format.ts';
import { type ColumnTypeName, reasonOf, type Role, roleOf, type Roles, targetOf, typeOf } from './choices.ts';
import { Distribution } from './distribution.tsx';

const types: readonly (readonly [ColumnTypeName, string])[] = [
  ['number', 'number'],
  ['classes', 'classes'],
  ['date', 'date'],
  ['date-day-first', 'date, day first'],
  ['date-month-first', 'date, month first'],
];

const roleWords: Readonly<Record<Role, string>> = { target: 'target', feature: 'feature', 'left-out': 'left out' };

/** One row for each column: what it holds, and what becomes of it. */
export function Columns(props: {
  readonly data: DataPreview;
  readonly read: ReadChoices;
  readonly roles: Roles;
  readonly onType: (column: PreviewColumn, type: ColumnTypeName | null) => void;
  readonly onRole: (column: PreviewColumn, role: Role) => void;
}): VNode {
  const { data, read, roles, onType, onRole } = props;
  const target = targetOf(data, roles);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of columns">
      <table class="values columns">
        <caption class="visually-hidden">Columns of the file</caption>
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Role</th>
            <th scope="col">Distribution</th>
            <th scope="col" class="numeric">
              Missing
            </th>
            <th scope="col" class="numeric">
              Different
            </th>
            <th scope="col">Remarks</th>
          </tr>
        </thead>
        <tbody>
          {data.columns.map((column) => {
            const role = roleOf(column, target, roles);
            const given = read.columnTypes !== undefined && Object.hasOwn(read.columnTypes, column.name);
            const type = typeOf(column, read);
            return (
              <tr key={column.name} class={role === 'left-out' ? 'left-out' : role === 'target' ? 'ours' : ''}>
                <th scope="row" title={column.name}>
                  <span class="column-name">{column.name}</span>
                </th>
                <td>
                  <select
                    aria-label={`Type of ${column.name}`}
                    value={given ? type : 'auto'}
                    onChange={({ currentTarget: { value } }) =>
                      onType(column, value === 'auto' ? null : (value as ColumnTypeName))
                    }
                  >
                    <option value="auto">{given ? 'detected' : `detected: ${type}`}</option>
                    {types.map(([value, words]) => (
                      <option key={value} value={value}>
                        {words}
                      </option>
                    ))}
                  </select>
                </td>
                <td>
                  <select
                    aria-label={`Role of ${column.name}`}
                    value={role}
                    onChange={({ currentTarget: { value } }) => onRole(column, value as Role)}
                  >
                    {(['target', 'feature', 'left-out'] as const)
                      .filter((one) => one === role || one !== 'target' || column.task !== null)
                      .map((one) => (
                        <option key={one} value={one}>
                          {roleWords[one]}
                        </option>
                      ))}
                  </select>
                </td>
                <td>
                  <Distribution summary={column.summary} name={column.name} />
                </td>
                <td class="numeric num">{formatInteger(column.missing)}</td>
                <td class="numeric num">{formatInteger(column.distinct)}</td>
                <td class="remark">{reasonOf(column, role, roles)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
