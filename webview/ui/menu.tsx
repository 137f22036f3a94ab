import type { ComponentChildren, VNode } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from './controls.ts';

export interface MenuItem {
  readonly label: string;
  readonly onPress: () => void;
}

export interface MenuProps {
  readonly label: string;
  readonly look?: 'secondary' | 'icon';
  readonly items: readonly MenuItem[];
  readonly disabled?: boolean;
  readonly children: ComponentChildren;
}

/** A button that opens a short list of commands: arrow keys move, Enter runs, Escape closes and gives the focus back. */
export function Menu({ label, look = 'secondary', items, disabled, children }: MenuProps): VNode {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  const button = (): HTMLElement | null => root.current?.querySelector('vscode-button') ?? null;

  // In the same turn as the list appears, so that the next key already goes to it.
  useLayoutEffect(() => {
    const host = button();
    host?.setAttribute('aria-haspopup', 'menu');
    host?.setAttribute('aria-expanded', String(open));
    if (!open) return undefined;
    root.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const outside = (event: Event): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);

  const close = (): void => {
    setOpen(false);
    button()?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const entries = [...(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const at = entries.indexOf(document.activeElement as HTMLElement);
    const last = entries.length - 1;
    const next = { ArrowDown: at === last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1, Home: 0, End: last }[
      event.key
    ];
    if (next !== undefined) entries[next].focus();
    else if (event.key === 'Escape') close();
    else if (event.key === 'Tab') {
      setOpen(false);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <span class="menu" ref={root}>
      <Button look={look} label={label} disabled={disabled} onPress={() => setOpen(!open)}>
        {children}
      </Button>
      {open && (
        <ul class="menu-list" role="menu" aria-label={label} onKeyDown={onKeyDown}>
          {items.map((item) => (
            <li role="none" key={item.label}>
              <button
                type="button"
                role="menuitem"
                tabIndex={-1}
                onClick={() => {
                  close();
                  item.onPress();
                }}
              >
                {item.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </span>
  );
}
