import { setTimeout as sleep } from 'node:timers/promises';
import { kubernetesProblem } from './kubernetes-problem.ts';

/** Pause after a failure; doubles up to the longest. */
const PAUSE_MS = 500,
  LONGEST_PAUSE_MS = 15_000;

export interface KubernetesObject {
  metadata?:
    | { name?: string | undefined; namespace?: string | undefined; resourceVersion?: string | undefined }
    | undefined;
}

/** The API server's two answers that the loop below lives on: all objects of one kind, of one namespace or of all. */
export interface ObjectApi<T extends KubernetesObject> {
  list(): Promise<{ items: T[]; resourceVersion: string }>;
  /** Resolves when the watch ends, with the HTTP status of a refusal or null. Abort ends it. */
  watch(
    resourceVersion: string,
    onEvent: (type: string, object: T & { code?: number }) => void,
    signal: AbortSignal,
  ): Promise<number | null>;
}

/** Who is told of changes. What it throws is taken for a fault of the event that it was told of. */
export interface ObjectListener<T> {
  /** All objects are known anew. */
  listed(): void;
  /** One changed; it has no `after` when it is gone. */
  changed(before: T | undefined, after: T | undefined): void;
  problem(text: string): void;
}

/**
 * Follows objects: list, then watch from the list's version. Bookmarks move that version on; 410 Gone (the version is too old) means listing again,
 * which is no failure. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class ObjectWatch<T extends KubernetesObject> {
  readonly #openApi: () => Promise<ObjectApi<T>>;
  /** For people: what is followed, in the words of a role. */
  readonly #resource: string;
  readonly #listener: ObjectListener<T>;
  readonly #objects = new Map<string, T>();
  readonly #stopping = new AbortController();
  /** Of the list that `#objects` began with and every event since; null: it must be listed again. */
  #version: string | null = null;
  #hasListed = false;
  #problem: string | null = null;
  readonly #ended: Promise<void>;

  constructor(resource: string, openApi: () => Promise<ObjectApi<T>>, listener: ObjectListener<T>) {
    this.#resource = resource;
    this.#openApi = openApi;
    this.#listener = listener;
    this.#ended = this.#run();
  }

  /** What was last known; null before the first answer. */
  objects(): readonly T[] | null {
    return this.#hasListed ? [...this.#objects.values()] : null;
  }

  /** Why `objects` may be old; null while the API server answers. */
  get problem(): string | null {
    return this.#problem;
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let api: ObjectApi<T> | null = null,
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
        // Opened anew: the client keeps a token for a minute, and a kubeconfig for ever.
        api = null;
        this.#version = null;
        this.#problem = kubernetesProblem(error);
        this.#listener.problem(this.#problem);
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  #take({ items, resourceVersion }: Awaited<ReturnType<ObjectApi<T>['list']>>): void {
    this.#objects.clear();
    for (const item of items) this.#objects.set(keyOf(item), item);
    this.#version = resourceVersion;
    this.#hasListed = true;
    this.#problem = null;
    this.#listener.listed();
  }

  async #watch(api: ObjectApi<T>, signal: AbortSignal): Promise<void> {
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
        `the API server answered HTTP ${status} to the watch${status === 403 ? `: the role lacks the verb watch on ${this.#resource}` : ''}`,
      );
  }

  #onEvent(type: string, object: T & { code?: number }): void {
    if (type === 'ERROR') {
      // Whatever else the server complains of: listing again is always right.
      this.#version = null;
      return;
    }
    const next = object.metadata?.resourceVersion;
    if (this.#version !== null && next !== undefined) this.#version = next;
    if (type === 'BOOKMARK') return;
    const key = keyOf(object),
      before = this.#objects.get(key);
    if (type === 'DELETED') this.#objects.delete(key);
    else if (type === 'ADDED' || type === 'MODIFIED') this.#objects.set(key, object);
    this.#listener.changed(before, this.#objects.get(key));
  }
}

const keyOf = ({ metadata }: KubernetesObject): string => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
