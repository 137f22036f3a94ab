import type { VNode } from 'preact';

/** A place in a picture, in its pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** What is under the pointer or the keyboard cursor, beside it and inside the picture. */
export function Tip({
  at,
  width,
  text,
}: {
  readonly at: Place | null;
  readonly width: number;
  readonly text: string;
}): VNode | null {
  if (at === null || text === '') return null;
  const right = at.x > width / 2;
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={{
        top: `${Math.max(4, at.y - 12)}px`,
        ...(right ? { right: `${Math.max(4, width - at.x + 14)}px` } : { left: `${at.x + 14}px` }),
        maxWidth: `${Math.max(120, Math.min(340, (right ? at.x : width - at.x) - 22))}px`,
      }}
    >
      {text}
    </div>
  );
}
