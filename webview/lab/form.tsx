import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import * as v from 'valibot';
import type { LabPage, LabSettings } from '../../src/shared/lab.ts';
import { defaultLabSettings, labSettingsSchemas, labTables } from '../../src/shared/lab.ts';
import { schemaWords } from '../../src/core/base/schemaWords.ts';
import { errorSaid } from '../../src/shared/errorWords.ts';
import { text } from '../../src/shared/texts.ts';
import { Button, Checkbox, Dropdown, TextField } from '../ui/controls.ts';
import type { Field } from './fields.ts';
import { dataFields, fieldText, pageFields, rateFields } from './fields.ts';
import { type Kind, type SettingTable, isGroup, valueOfText } from '../../src/shared/settingKinds.ts';
import { useLab } from './labContext.ts';
import { expectedSeconds, presetChanges, type PresetName, presetNames, presetOf } from './presets.ts';
import { formatSeconds } from '../ui/format.ts';

/** The settings of a page: defaults, what the host suggests, and what was changed, in that order. Changes that do not hold are dropped. */
export function settingsOf<P extends LabPage>(
  page: P,
  preset: object,
  changed: Readonly<Record<string, unknown>> | undefined,
): LabSettings[P] {
  const schema = labSettingsSchemas[page];
  let settings: Record<string, unknown> = { ...defaultLabSettings[page], ...preset };
  for (const [key, value] of Object.entries(changed ?? {})) {
    if (!(key in defaultLabSettings[page])) continue;
    const next = { ...settings, [key]: value };
    if (v.is(schema, next)) settings = next;
  }
  return settings as unknown as LabSettings[P];
}

/** Kinds whose values are texts of some length. */
const longKinds: readonly Kind['kind'][] = ['counts', 'text', 'texts'];

function kindOf(page: LabPage, key: string): Kind {
  const table: SettingTable = labTables[page];
  const entry = table[key];
  if (isGroup(entry)) throw new Error(`${key} is a group of settings`);
  return entry.type;
}

/** What can be chosen, in the words of the field. */
function choicesOf({ choices }: Field, values: readonly string[]): NonNullable<Field['choices']> {
  return choices ?? values.map((value) => ({ value, label: value }));
}

/** The control that fits the kind of a field. */
function FieldControl({
  field,
  type,
  value,
  disabled,
  onChange,
}: {
  readonly field: Field;
  readonly type: Kind;
  readonly value: unknown;
  readonly disabled: boolean;
  readonly onChange: (value: unknown) => void;
}): VNode {
  if (type.kind === 'flag') {
    return <Checkbox label={field.label} checked={value === true} onToggle={(on) => onChange(on)} />;
  }
  if (type.kind === 'choices') {
    const all = choicesOf(field, type.values);
    const chosen = Array.isArray(value) ? (value as readonly string[]) : [];
    return (
      <span class="field" role="group" aria-label={field.label}>
        <span class="field-label" aria-hidden="true">
          {field.label}
        </span>
        {all.map((choice) => (
          <Checkbox
            key={choice.value}
            label={choice.label}
            checked={chosen.includes(choice.value)}
            onToggle={(on) =>
              onChange(
                all
                  .map((other) => other.value)
                  .filter((other) => (other === choice.value ? on : chosen.includes(other))),
              )
            }
          />
        ))}
      </span>
    );
  }
  if (type.kind === 'choice' || (type.kind === 'text' && field.choices !== undefined)) {
    return (
      <Dropdown
        label={field.label}
        value={String(value)}
        choices={choicesOf(field, type.kind === 'choice' ? type.values : [])}
        disabled={disabled}
        onSelect={(chosen) => onChange(chosen)}
      />
    );
  }
  return (
    <TextField
      label={field.label}
      value={fieldText(value)}
      size={longKinds.includes(type.kind) ? 18 : 7}
      disabled={disabled}
      onCommit={(text) => onChange(valueOfText(type, text))}
    />
  );
}

interface PresetsProps<P extends LabPage> {
  readonly page: P;
  readonly settings: LabSettings[P];
  readonly disabled: boolean;
  readonly onTaken: () => void;
}

/** Sizes to choose from at once: a look, or what a judgement needs. */
function Presets<P extends LabPage>({ page, settings, disabled, onTaken }: PresetsProps<P>): VNode {
  const { forms, setForm } = useLab();
  const now = presetOf(page, settings);
  return (
    <div class="row" role="group" aria-label="Sizes to choose from">
      {(Object.keys(presetNames) as PresetName[]).map((name) => (
        <Button
          key={name}
          id={`preset-${page}-${name}`}
          pressed={now === name}
          disabled={disabled}
          onPress={() => {
            onTaken();
            setForm(page, { ...forms[page], ...presetChanges(page, name) });
          }}
        >
          {presetNames[name]}
        </Button>
      ))}
      <span class="muted">
        {now === 'quick'
          ? 'A look, on few rows.'
          : now === 'careful'
            ? 'Widths, starts and rows that a judgement needs.'
            : now === 'default'
              ? 'Between the two.'
              : 'Sizes of your own.'}
      </span>
    </div>
  );
}

/** How long it will take, as far as the last result tells. */
function Expected<P extends LabPage>({
  page,
  settings,
}: {
  readonly page: P;
  readonly settings: LabSettings[P];
}): VNode {
  const { state } = useLab();
  const seconds = expectedSeconds(state.records[page], page, settings);
  return (
    <span class="muted lab-expected">
      {seconds === null
        ? 'How long it takes is known after a first complete run.'
        : `About ${formatSeconds(Number(seconds.toPrecision(1)))}, judged by the last run.`}
    </span>
  );
}

/** What becomes of a file with test rows. */
const testRowsWords = (name: string, page: LabPage): string =>
  pageFields[page].some(({ key }) => key === 'testFraction')
    ? `The rows of ${name}, on which the open run was tested, are not read here: “Held out” is a share of this file.`
    : `The rows of ${name}, on which the open run was tested, are not read here.`;

/** The form of a page: fields with defaults, Run or Stop. */
export function Form({ page }: { readonly page: LabPage }): VNode {
  const { state, forms, setForm, send } = useLab();
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const settings = settingsOf(page, state.preset, forms[page]);
  const busy = state.running !== null;
  const mine = state.running === page;
  const change = (field: Field, value: unknown): void => {
    const parsed = v.safeParse(labSettingsSchemas[page], { ...settings, [field.key]: value });
    const others = Object.fromEntries(Object.entries(problems).filter(([key]) => key !== field.key));
    if (!parsed.success) {
      const [issue] = parsed.issues;
      setProblems({
        ...others,
        [field.key]: `${field.label}: ${errorSaid(schemaWords(issue), (template, values) => text(template, ...values))}`,
      });
      return;
    }
    setProblems(others);
    // classes are those of the target
    const ofTarget = field.key === 'target' ? { positive: '', negative: '' } : {};
    setForm(page, { ...forms[page], ...ofTarget, [field.key]: value });
  };
  const list = (fields: readonly Field[]): VNode[] =>
    fields.map((field) => (
      <span class="lab-field" key={field.key} title={field.hint}>
        <FieldControl
          field={field}
          type={kindOf(page, field.key)}
          value={(settings as unknown as Record<string, unknown>)[field.key]}
          disabled={busy}
          onChange={(value) => change(field, value)}
        />
      </span>
    ));
  return (
    <section class="lab-form" aria-label="Settings">
      <Presets page={page} settings={settings} disabled={busy} onTaken={() => setProblems({})} />
      <div class="lab-fields">{list(pageFields[page])}</div>
      {page === 'mlp' && (
        <details>
          <summary>Learning rates (0: chosen by short trial runs)</summary>
          <div class="lab-fields">{list(rateFields)}</div>
        </details>
      )}
      <details class="lab-data">
        <summary>Rows and columns</summary>
        <div class="lab-fields">{list(dataFields(state.columns, settings))}</div>
      </details>
      {state.testFile !== null && <p class="muted">{testRowsWords(state.testFile, page)}</p>}
      {Object.entries(problems).map(([key, problem]) => (
        <p class="problem" role="alert" key={key}>
          {problem}
        </p>
      ))}
      <div class="row">
        {mine ? (
          <Button look="secondary" id={`stop-${page}`} onPress={() => send({ type: 'stop' })}>
            Stop
          </Button>
        ) : (
          <Button
            look="primary"
            id={`run-${page}`}
            disabled={busy}
            onPress={() => send({ type: 'run', request: { page, settings } as never })}
          >
            Run
          </Button>
        )}
        {state.records[page] && (
          <Button look="secondary" onPress={() => send({ type: 'exportRecord', page })}>
            Export JSON
          </Button>
        )}
        {forms[page] && Object.keys(forms[page]).length > 0 && (
          <Button
            look="secondary"
            disabled={busy}
            onPress={() => {
              setProblems({});
              setForm(page, {});
            }}
          >
            Defaults
          </Button>
        )}
        {!busy && <Expected page={page} settings={settings} />}
        {busy && !mine && <span class="muted">Another page is running.</span>}
      </div>
    </section>
  );
}
