/**
 * The form controls of the panel, over `@vscode/webview-ui-toolkit`. This is the only file that knows the toolkit, which is
 * archived: another library can take its place here without a change anywhere else.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import type { ComponentChild, ComponentChildren } from 'preact';
import { h } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { shortName } from './format.ts';

provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodeProgressRing(),
  vsCodeTextField(),
);

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
    'vscode-button',
    {
      id,
      appearance: look,
      disabled: disabled === true,
      title: look === 'icon' ? label : undefined,
      'aria-label': label,
      'aria-pressed': pressed === undefined ? undefined : pressed ? 'true' : 'false',
      onClick: () => {
        if (!disabled) onPress();
      },
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
  const ref = useRef<HTMLElement & { value: string }>(null);
  const signature = choices.map((choice) => choice.value).join('\n');
  useEffect(() => {
    // The element learns its options after they are connected; a value set before that is lost.
    const element = ref.current;
    if (!element) return undefined;
    const timer = setTimeout(() => {
      if (element.value !== value) element.value = value;
    });
    return () => clearTimeout(timer);
  }, [value, signature]);
  return h('span', { class: 'field' }, [
    quiet ? null : h('span', { class: 'field-label', 'aria-hidden': 'true', title: label }, shortName(label)),
    h(
      'vscode-dropdown',
      {
        ref,
        'aria-label': label,
        disabled: disabled === true,
        onChange: (event: Event) => {
          const chosen = (event.target as HTMLElement & { value: string }).value;
          if (chosen !== value) onSelect(chosen);
        },
      },
      choices.map((choice) =>
        h('vscode-option', { key: choice.value, value: choice.value, selected: choice.value === value }, choice.label),
      ),
    ),
  ]);
}

export interface CheckboxProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onToggle: (checked: boolean) => void;
}

export function Checkbox({ label, checked, onToggle }: CheckboxProps): ComponentChild {
  return h(
    'vscode-checkbox',
    {
      checked,
      onChange: (event: Event) => {
        const now = (event.target as HTMLInputElement).checked;
        if (now !== checked) onToggle(now);
      },
    },
    label,
  );
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
  const ref = useRef<HTMLElement & { value: string }>(null);
  // What is being typed is the user's: a value that arrives meanwhile must not replace it.
  const typing = useRef(false);
  useLayoutEffect(() => {
    if (ref.current && !typing.current) ref.current.value = value;
  }, [value]);
  // The element names itself "Text field" when it is connected; this comes after that.
  useEffect(() => ref.current?.setAttribute('aria-label', label), [label]);
  const commit = (): void => {
    const text = ref.current?.value ?? '';
    typing.current = false;
    if (text !== value) onCommit(text);
  };
  return h('span', { class: 'field' }, [
    quiet ? null : h('span', { class: 'field-label', 'aria-hidden': 'true', title: label }, shortName(label)),
    h('vscode-text-field', {
      ref,
      size,
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
  return h('vscode-progress-ring', { class: 'ring', 'aria-label': label });
}
