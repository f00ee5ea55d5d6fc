import type { MeshEvent } from '../model.ts';

/** Events that answer the filter, newest first. Pure. */
export function filtered(
  all: readonly MeshEvent[],
  wanted: { text: string; server: string; level: string; kind: string },
): MeshEvent[] {
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  return all
    .filter(
      (event) =>
        (wanted.server === '' || event.server === wanted.server) &&
        (wanted.level === '' || event.level === wanted.level) &&
        (wanted.kind === '' || event.kind.split('.')[0] === wanted.kind) &&
        words.every((word) => `${event.kind} ${event.message}`.toLowerCase().includes(word)),
    )
    .toReversed();
}
