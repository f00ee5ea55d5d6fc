import type { ComponentChildren } from 'preact';

/** A table that is wider than a phone: it scrolls by itself, with the keyboard too. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a mouse.
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
