import type { VNode } from 'preact';
import type { MissingSetting } from '../../src/shared/settings.ts';
import type { DataPreview, ReadChoices } from '../../src/shared/preview.ts';

type Dialect = NonNullable<ReadChoices['dialect']>;

const delimiterWords: Readonly<Record<string, string>> = {
  ',': 'comma',
  ';': 'semicolon',
  '\t': 'tab',
  '|': 'bar',
  ' ': 'white space',
};
export const delimiterWord = (delimiter: string): string => delimiterWords[delimiter] ?? `"${delimiter}"`;

const missingWords: Readonly<Record<MissingSetting, string>> = {
  auto: 'left out, or filled where that loses too much',
  drop: 'left out',
  impute: 'filled',
};

type ChoiceKey = 'delimiter' | 'decimal' | 'quote' | 'header';
/** Values with their words. */
type Values = readonly (readonly [string, string])[];

interface Choice {
  readonly key: ChoiceKey;
  readonly values: Values;
  /** What is found out without a choice; empty: not known yet. */
  readonly found: string;
  /** The value, or `auto`. */
  readonly now: string;
}

/** A list of values; `take` gets undefined where it is left to what is found out. */
function choiceField(label: string, { values, found, now }: Choice, take: (value: string | undefined) => void): VNode {
  return (
    <label class="read-field">
      <span>{label}</span>
      <select
        value={now}
        onChange={(event) => {
          const { value } = event.currentTarget;
          take(value === 'auto' ? undefined : value);
        }}
      >
        <option value="auto">{found === '' ? 'detected' : `detected: ${found}`}</option>
        {values.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

function textField(label: string, value: string, hint: string, take: (text: string) => void): VNode {
  return (
    <label class="read-field">
      <span>{label}</span>
      <input
        type="text"
        value={value}
        placeholder={hint}
        onChange={(event) => take(event.currentTarget.value.trim())}
      />
    </label>
  );
}

/** How the file is read; an empty choice leaves it to what is found out. */
export function ReadForm(props: {
  readonly data: DataPreview | null;
  readonly read: ReadChoices;
  readonly missing: MissingSetting;
  readonly onChange: (read: ReadChoices) => void;
  readonly onMissing: (missing: MissingSetting) => void;
}): VNode {
  const { data, read, missing, onChange, onMissing } = props;
  const dialect: Dialect = read.dialect ?? {};
  const change = <K extends keyof Dialect>(key: K, value: Dialect[K] | undefined): void => {
    const rest = Object.fromEntries(Object.entries(dialect).filter(([name]) => name !== key)) as Dialect;
    onChange({ ...read, dialect: value === undefined ? rest : { ...rest, [key]: value } });
  };
  const choice = (label: string, key: ChoiceKey, values: Values, found: string): VNode =>
    choiceField(label, { key, values, found, now: key in dialect ? String(dialect[key]) : 'auto' }, (value) =>
      change(key, value === undefined ? undefined : key === 'header' ? value === 'true' : value),
    );
  return (
    <details class="card read-form">
      <summary>How the file is read</summary>
      <div class="read-fields">
        {choice(
          'Delimiter',
          'delimiter',
          Object.entries(delimiterWords),
          data === null ? '' : delimiterWord(data.delimiter),
        )}
        {choice(
          'Decimal mark',
          'decimal',
          [
            ['.', 'point'],
            [',', 'comma'],
          ],
          data?.decimal === ',' ? 'comma' : data === null ? '' : 'point',
        )}
        {choice(
          'First row',
          'header',
          [
            ['true', 'names'],
            ['false', 'data'],
          ],
          data === null ? '' : data.header ? 'names' : 'data',
        )}
        {choice(
          'Quotation marks',
          'quote',
          [
            ['"', 'double'],
            ["'", 'single'],
            ['\\"', 'backslash before'],
            ['', 'none'],
          ],
          '',
        )}
        {textField('Encoding', dialect.encoding ?? '', data?.encoding ?? 'utf-8', (value) =>
          change('encoding', value === '' ? undefined : value),
        )}
        {textField('Lines to skip', dialect.skip === undefined ? '' : String(dialect.skip), '0', (value) =>
          change('skip', /^\d{1,4}$/.test(value) ? Number(value) : undefined),
        )}
        {textField('Comment mark', dialect.comment ?? '', 'none', (value) =>
          change('comment', value === '' ? undefined : value.slice(0, 20)),
        )}
        {textField('Missing values', (dialect.na ?? []).join(', '), 'also -9999, …', (value) =>
          change(
            'na',
            value === ''
              ? undefined
              : value
                  .split(',')
                  .map((mark) => mark.trim().slice(0, 100))
                  .slice(0, 100),
          ),
        )}
        <label class="read-field">
          <span>Rows with gaps</span>
          <select value={missing} onChange={({ currentTarget: { value } }) => onMissing(value as MissingSetting)}>
            {Object.entries(missingWords).map(([way, words]) => (
              <option key={way} value={way}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
    </details>
  );
}
