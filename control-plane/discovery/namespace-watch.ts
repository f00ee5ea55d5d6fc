import { setTimeout as sleep } from 'node:timers/promises';
import type { EndpointSlice } from './endpoint-slices.ts';
import { kubernetesProblem } from '../kubernetes/kubernetes-problem.ts';

/** Slices of a Service carry its name in this label. */
const SERVICE_LABEL = 'kubernetes.io/service-name';
/** Pause after a failure; doubles up to the longest. */
const PAUSE_MS = 500,
  LONGEST_PAUSE_MS = 15_000;

/** The API server's two answers that the loop below lives on: all EndpointSlices of one namespace. */
export interface SliceApi {
  list(): Promise<{ slices: EndpointSlice[]; resourceVersion: string }>;
  /** Resolves when the watch ends, with the HTTP status of a refusal or null. Abort ends it. */
  watch(
    resourceVersion: string,
    onEvent: (type: string, object: EndpointSlice & { code?: number }) => void,
    signal: AbortSignal,
  ): Promise<number | null>;
}

/** Who follows one Service of the namespace. */
export interface ServiceListener {
  service: string;
  /** All slices of the Service; none when the API server knows none. */
  slices(found: readonly EndpointSlice[]): void;
  problem(text: string): void;
}

/**
 * Follows the EndpointSlices of one namespace for all its listeners: list, then watch from the list's version. Bookmarks move that version on; 410 Gone
 * (the version is too old) means listing again, which is no failure. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class NamespaceWatch {
  readonly #openApi: () => Promise<SliceApi>;
  readonly #listeners = new Set<ServiceListener>();
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #stopping = new AbortController();
  /** Of the list that `#slices` began with and every event since; null: it must be listed again. */
  #version: string | null = null;
  #hasListed = false;
  #problem: string | null = null;
  readonly #ended: Promise<void>;

  constructor(openApi: () => Promise<SliceApi>) {
    this.#openApi = openApi;
    this.#ended = this.#run();
  }

  add(listener: ServiceListener): void {
    this.#listeners.add(listener);
    if (this.#hasListed) this.#tell(listener);
    if (this.#problem !== null) listener.problem(this.#problem);
  }

  /** True when nobody is left. */
  remove(listener: ServiceListener): boolean {
    this.#listeners.delete(listener);
    return this.#listeners.size === 0;
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let api: SliceApi | null = null,
      pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      try {
        // The client's calls can't be cut short, so a stop does not wait for a server that hangs.
        api ??= await unlessAborted(this.#openApi(), signal);
        if (this.#version === null) this.#take(await unlessAborted(api.list(), signal));
        await this.#watch(api, signal);
        pauseMs = PAUSE_MS;
        // A server that ends every watch at once must not be asked in a tight loop.
        await sleep(this.#version === null ? 0 : 50, undefined, { signal }).catch(() => {});
      } catch (error) {
        if (signal.aborted) break;
        this.#version = null;
        this.#problem = kubernetesProblem(error);
        for (const listener of this.#listeners) listener.problem(this.#problem);
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  #take({ slices, resourceVersion }: Awaited<ReturnType<SliceApi['list']>>): void {
    this.#slices.clear();
    for (const slice of slices) this.#slices.set(slice.metadata?.name ?? '', slice);
    this.#version = resourceVersion;
    this.#hasListed = true;
    this.#problem = null;
    for (const listener of this.#listeners) this.#tell(listener);
  }

  async #watch(api: SliceApi, signal: AbortSignal): Promise<void> {
    const watching = new AbortController();
    let broken: unknown = null;
    const status = await api.watch(
      this.#version ?? '',
      (type, object) => {
        // The client's stream calls this: an event that can't be read ends the watch, not the process.
        try {
          if (broken === null) this.#onEvent(type, object);
        } catch (error) {
          broken = error;
          watching.abort();
        }
      },
      AbortSignal.any([signal, watching.signal]),
    );
    if (broken !== null) throw new Error('the API server sent an event that can’t be read', { cause: broken });
    if (status === 410) this.#version = null;
    else if (status !== null && status !== 200)
      throw new Error(
        `the API server answered HTTP ${status} to the watch${status === 403 ? ': the role lacks the verb watch on endpointslices' : ''}`,
      );
  }

  #onEvent(type: string, object: EndpointSlice & { code?: number }): void {
    if (type === 'ERROR') {
      // Whatever else the server complains of: listing again is always right.
      this.#version = null;
      return;
    }
    const next = object.metadata?.resourceVersion;
    if (this.#version !== null && next !== undefined) this.#version = next;
    if (type === 'BOOKMARK') return;
    const name = object.metadata?.name ?? '',
      before = this.#slices.get(name);
    if (type === 'DELETED') this.#slices.delete(name);
    else if (type === 'ADDED' || type === 'MODIFIED') this.#slices.set(name, object);
    const services = new Set([serviceOf(before), serviceOf(object)]);
    for (const listener of this.#listeners) if (services.has(listener.service)) this.#tell(listener);
  }

  #tell(listener: ServiceListener): void {
    listener.slices([...this.#slices.values()].filter((slice) => serviceOf(slice) === listener.service));
  }
}

const serviceOf = (slice: EndpointSlice | undefined): string | undefined => slice?.metadata?.labels?.[SERVICE_LABEL];

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
