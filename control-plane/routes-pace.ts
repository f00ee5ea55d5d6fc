import { RESOURCE_TYPE } from '../proto/xds/loader.ts';
import type { Resources, XdsResource } from './xds/resource.ts';

/** Routes up to this size are sent at each change. */
const SMALL_BYTES = 1 << 20;
/** Envoy takes about 100 ms for a megabyte of routes, so this leaves its main thread nine tenths of its time. */
const BYTES_PER_MS = 1000;
const LONGEST_MS = 10_000;

const pauseAfter = (bytes: number): number => (bytes <= SMALL_BYTES ? 0 : Math.min(LONGEST_MS, bytes / BYTES_PER_MS));

interface Given {
  routes: ReadonlyMap<string, XdsResource>;
  untilMs: number;
}

const NONE: ReadonlyMap<string, XdsResource> = new Map();

/**
 * How often a node gets routes in which only slots changed that its relay knows anyway. Envoy makes all routes of a resource anew at each change:
 * of one server with 10,000 replicas that is 6 MB.
 */
export class RoutesPace {
  readonly #given = new Map<string, Given>();
  readonly #pauseAfter: (bytes: number) => number;

  constructor(pause = pauseAfter) {
    this.#pauseAfter = pause;
  }

  /** When such a change may go to the node, on the clock that `gave` is told. */
  dueMs(key: string): number {
    return this.#given.get(key)?.untilMs ?? 0;
  }

  /** These are the node's resources now. */
  gave(key: string, resources: Resources, nowMs: number): void {
    const routes = resources.get(RESOURCE_TYPE.routes) ?? NONE,
      before = this.#given.get(key)?.routes ?? NONE;
    const changed = [...routes.values()].filter((each) => before.get(each.name) !== each);
    if (changed.length === 0) return;
    const bytes = changed.reduce((sum, { any }) => sum + any.value.length, 0);
    this.#given.set(key, { routes, untilMs: nowMs + this.#pauseAfter(bytes) });
  }

  forget(key: string): void {
    this.#given.delete(key);
  }
}
