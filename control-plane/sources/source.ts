import type { EventEmitter } from 'node:events';
import { detach } from '../../proto/detach.ts';

/** A part of the control plane that knows some of what topologies are made of. It emits `change` when it knows something else. */
export interface Source<Part> extends Pick<EventEmitter<SourceEvents>, 'on'> {
  /** What it knows now; null while it is too early to tell gateways anything. */
  part(): Part | null;
}

export interface SourceEvents {
  change: [];
}

/** Tells whether `looked` has ended, well or not. `onLooked` is called when it ends. */
export function hasLooked(looked: Promise<unknown>, onLooked: () => void): () => boolean {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  detach(looked.then(end, end).then(onLooked), () => {});
  return () => isOver;
}
