import type { VNode } from 'preact';

/** Line icons on a 16-pixel grid, in the colour of the text around them. */
const paths = {
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6.5 3.5v9',
  save: 'M8 2v8M4.8 7 8 10.2 11.2 7M2.5 11v2.5h11V11',
  chevronDown: 'm4 6 4 4 4-4',
  chevronLeft: 'm10 4-4 4 4 4',
  chevronRight: 'm6 4 4 4-4 4',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  reveal: 'M9 3.5h3.5V7M12.5 3.5 7 9M11 9.5v3H3.5V5h3',
  check: 'm3 8.5 3.2 3.2L13 4.5',
  warning: 'M8 2.5 14 13H2zM8 6.5v3M8 11v.6',
  info: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 7v4M8 4.8v.6',
  error: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10 10l3.6 3.6',
  bound: 'M2.5 13h11M2.5 3h11M8 5v6M6 9l2 2 2-2M6 7l2-2 2 2',
  stop: 'M4.5 4.5h7v7h-7z',
  settings:
    'M8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4zM8 2v2M8 12v2M2 8h2M12 8h2M3.8 3.8l1.4 1.4M10.8 10.8l1.4 1.4M3.8 12.2l1.4-1.4M10.8 5.2l1.4-1.4',
  log: 'M4 2.5h8v11H4zM6 5.5h4M6 8h4M6 10.5h2.5',
  again: 'M12.8 8A4.8 4.8 0 1 1 11 4.2M11.2 1.8v2.8H8.4',
  more: 'M3.5 8h.1M8 8h.1M12.5 8h.1',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  home: 'M2.5 8 8 3l5.5 5M4 7v6h8V7',
};

export type IconName = keyof typeof paths;

/** Decoration only: the words beside it or the control around it carry the meaning. */
export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={paths[name]}
        fill="none"
        stroke="currentColor"
        stroke-width={name === 'more' ? 2.4 : 1.3}
        stroke-linejoin="round"
        stroke-linecap="round"
      />
    </svg>
  );
}
