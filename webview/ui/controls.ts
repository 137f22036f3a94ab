/** The form controls of the pages: the browser's own, in the colours of the editor (media/controls.css). */
import type { ComponentChild, ComponentChildren } from 'preact';
import { h } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface ButtonProps {
  readonly onPress: () => void;
  readonly look?: 'primary' | 'secondary' | 'icon';
  /** Accessible name where the content is only a picture. */
  readonly label?: string;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly id?: string;
  readonly children?: ComponentChildren;
}

export function Button(props: ButtonProps): ComponentChild {
  const { onPress, look = 'secondary', label, disabled, pressed, id, children } = props;
  return h(
    'button',
    {
      type: 'button',
      id,
      class: `control button-${look}`,
      disabled: disabled === true,
      title: look === 'icon' ? label : undefined,
      'aria-label': label,
      'aria-pressed': pressed === undefined ? undefined : pressed ? 'true' : 'false',
      onClick: onPress,
    },
    children,
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface DropdownProps {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onSelect: (value: string) => void;
  readonly disabled?: boolean;
  /** The label is said but not shown. */
  readonly quiet?: boolean;
}

/** A labelled single choice. */
export function Dropdown({ label, value, choices, onSelect, disabled, quiet }: DropdownProps): ComponentChild {
  const ref = useRef<HTMLSelectElement>(null);
  // What is chosen is said by the page, also where the person's choice was not taken.
  useLayoutEffect(() => {
    if (ref.current && ref.current.value !== value) ref.current.value = value;
  });
  return h('span', { class: 'field' }, [
    quiet ? null : h('span', { class: 'field-label', 'aria-hidden': 'true' }, label),
    h(
      'select',
      {
        ref,
        class: 'control',
        'aria-label': label,
        disabled: disabled === true,
        onChange: (event: Event) => {
          const chosen = (event.target as HTMLSelectElement).value;
          if (chosen !== value) onSelect(chosen);
        },
      },
      choices.map((choice) => h('option', { key: choice.value, value: choice.value }, choice.label)),
    ),
  ]);
}

export interface CheckboxProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onToggle: (checked: boolean) => void;
}

export function Checkbox({ label, checked, onToggle }: CheckboxProps): ComponentChild {
  return h('label', { class: 'check' }, [
    h('input', {
      type: 'checkbox',
      checked,
      onChange: (event: Event) => {
        const now = (event.target as HTMLInputElement).checked;
        if (now !== checked) onToggle(now);
      },
    }),
    h('span', null, label),
  ]);
}

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly size?: number;
  readonly quiet?: boolean;
  readonly disabled?: boolean;
  /** Words inside the field, after what is typed. */
  readonly suffix?: string;
  /** Called with the text when Enter is pressed or the field is left with a changed text. */
  readonly onCommit: (value: string) => void;
}

export function TextField({
  label,
  value,
  size = 10,
  quiet,
  disabled,
  suffix,
  onCommit,
}: TextFieldProps): ComponentChild {
  const ref = useRef<HTMLInputElement>(null);
  // What is being typed is the user's: a value that arrives meanwhile must not replace it.
  const typing = useRef(false);
  useLayoutEffect(() => {
    if (ref.current && !typing.current) ref.current.value = value;
  }, [value]);
  const commit = (): void => {
    const text = ref.current?.value ?? '';
    typing.current = false;
    if (text !== value) onCommit(text);
  };
  return h('span', { class: 'field' }, [
    quiet ? null : h('span', { class: 'field-label', 'aria-hidden': 'true' }, label),
    h('input', {
      ref,
      type: 'text',
      class: 'control',
      size,
      spellcheck: false,
      autocomplete: 'off',
      'aria-label': label,
      disabled: disabled === true,
      onInput: () => {
        typing.current = true;
      },
      onKeyDown: (event: KeyboardEvent) => {
        if (event.key === 'Enter') commit();
        else if (event.key === 'Escape' && ref.current) {
          typing.current = false;
          ref.current.value = value;
        }
      },
      onBlur: commit,
    }),
    suffix === undefined ? null : h('span', { class: 'field-suffix', 'aria-hidden': 'true' }, suffix),
  ]);
}

export function ProgressRing({ label }: { readonly label: string }): ComponentChild {
  return h('span', { class: 'ring', role: 'progressbar', 'aria-label': label });
}
