import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { glossary, type TermId, termsIn } from '../../src/shared/glossary.ts';

const cardWidth = 320;

/** A term of art, underlined with dots: pointer, click or Enter open what it means, Escape and leaving close it. */
export function Term({ id, children }: { readonly id: TermId; readonly children: ComponentChildren }): VNode {
  const [open, setOpen] = useState(false);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  const root = useRef<HTMLSpanElement>(null);
  const key = useId();
  const { title, text } = glossary[id];
  useLayoutEffect(() => {
    if (!open || !root.current) return;
    const word = root.current.getBoundingClientRect();
    const width = Math.min(cardWidth, window.innerWidth - 16);
    const below = word.bottom + 150 < window.innerHeight;
    setPlace({
      left: Math.max(8, Math.min(window.innerWidth - width - 8, word.left)),
      top: below ? word.bottom + 4 : Math.max(8, word.top - 130),
    });
  }, [open]);
  useEffect(() => {
    if (!open) return undefined;
    const close = (): void => setOpen(false);
    // The card does not move with the page.
    window.addEventListener('scroll', close, { passive: true, capture: true });
    return () => window.removeEventListener('scroll', close, { capture: true });
  }, [open]);
  return (
    <span class="term-root" ref={root} onMouseLeave={() => setOpen(false)}>
      <button
        type="button"
        class="term"
        aria-expanded={open}
        aria-describedby={open ? key : undefined}
        onClick={() => setOpen(true)}
        onMouseEnter={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' || !open) return;
          setOpen(false);
          event.stopPropagation();
        }}
      >
        {children}
      </button>
      {open && (
        <span
          class="term-card"
          role="tooltip"
          id={key}
          style={{ left: `${place.left}px`, top: `${place.top}px`, width: `min(${cardWidth}px, calc(100vw - 16px))` }}
        >
          <strong>{title}</strong>
          <br />
          {text}
        </span>
      )}
    </span>
  );
}

/** A sentence whose terms of art can be looked up, each where it is said first. */
export function Words({ text }: { readonly text: string }): VNode {
  return (
    <>
      {termsIn(text).map(({ text: part, term }, i) =>
        term === undefined ? (
          part
        ) : (
          <Term id={term} key={`${term} ${i}`}>
            {part}
          </Term>
        ),
      )}
    </>
  );
}
