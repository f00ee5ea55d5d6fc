import { RESOURCE } from '../proto/wire.ts';
import { RESOURCE_TYPE } from '../proto/xds/loader.ts';
import type { Resources, XdsResource } from './xds/resource.ts';

/** Routes up to this size are sent at each change. */
const SMALL_BYTES = 1 << 20;
/** Envoy takes about 100 ms for a megabyte of routes, so this leaves its main thread nine tenths of its time. */
const BYTES_PER_MS = 1000;
const LONGEST_MS = 10_000;

const pauseAfter = (bytes: number): number => (bytes <= SMALL_BYTES ? 0 : Math.min(LONGEST_MS, bytes / BYTES_PER_MS));

interface Given {
  routes: XdsResource | undefined;
  untilMs: number;
}

/**
 * How often a node gets routes in which only slots changed that its relay knows anyway. All routes of a node are one
 * resource, and Envoy makes all of them anew at each change: with 500 servers 9 MB.
 */
export class RoutesPace {
  readonly #given = new Map<string, Given>();
  readonly #pauseAfter: (bytes: number) => number;

  constructor(pause = pauseAfter) {
    this.#pauseAfter = pause;
  }

  /** When such a change may go to the node, on the clock of `performance.now()`. */
  dueMs(key: string): number {
    return this.#given.get(key)?.untilMs ?? 0;
  }

  /** These are the node's resources now. */
  gave(key: string, resources: Resources, nowMs: number): void {
    const routes = resources.get(RESOURCE_TYPE.routes)?.get(RESOURCE.routes);
    if (routes === this.#given.get(key)?.routes) return;
    this.#given.set(key, { routes, untilMs: nowMs + this.#pauseAfter(routes?.any.value.length ?? 0) });
  }

  forget(key: string): void {
    this.#given.delete(key);
  }
}
