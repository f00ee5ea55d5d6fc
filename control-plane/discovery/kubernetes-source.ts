import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import { replicasOf, type EndpointSlice } from './endpoint-slices.ts';
import type { Source, SourceSink } from './source.ts';

/** Pause after a failure; doubles up to the longest. */
const PAUSE_MS = 500,
  LONGEST_PAUSE_MS = 15_000;

/** The API server's three answers that the loop below lives on. */
export interface SliceApi {
  list(): Promise<{ slices: EndpointSlice[]; resourceVersion: string }>;
  /** Resolves when the watch ends, with the HTTP status of a refusal or null. Abort ends it. */
  watch(
    resourceVersion: string,
    onEvent: (type: string, object: EndpointSlice & { code?: number }) => void,
    signal: AbortSignal,
  ): Promise<number | null>;
}

/**
 * Follows a Service's EndpointSlices: list, then watch from the list's version. Bookmarks move that version on; 410 Gone (the version is too old) means
 * listing again, which is no failure. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export function startKubernetesSource(
  config: KubernetesDiscovery,
  sink: SourceSink,
  openApi: (config: KubernetesDiscovery) => Promise<SliceApi>,
): Source {
  const stopping = new AbortController();
  const { signal } = stopping;
  // The client's list can't be cut short: whoever stops does not wait for a server that hangs.
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
  stopped.catch(() => {});
  const slices = new Map<string, EndpointSlice>();
  const say = () => {
    const found = replicasOf(slices.values(), config.port);
    if (signal.aborted) return;
    if ('problem' in found) sink.problem(`Kubernetes ${config.namespace}/${config.service}: ${found.problem}`);
    else sink.replicas(found.replicas);
  };
  const ended = (async () => {
    let api: SliceApi | null = null,
      version: string | null = null,
      pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      try {
        api ??= await Promise.race([openApi(config), stopped]);
        if (version === null) {
          const listed = await Promise.race([api.list(), stopped]);
          slices.clear();
          for (const slice of listed.slices) slices.set(slice.metadata?.name ?? '', slice);
          version = listed.resourceVersion;
          say();
        }
        const watching = new AbortController();
        let broken: unknown = null;
        const status = await api.watch(
          version,
          (type, object) => {
            // The client's stream calls this: an event that can't be read ends the watch, not the process.
            try {
              if (broken === null) version = onEvent(type, object, slices, version, say);
            } catch (error) {
              broken = error;
              watching.abort();
            }
          },
          AbortSignal.any([signal, watching.signal]),
        );
        if (broken !== null) throw new Error('the API server sent an event that can’t be read', { cause: broken });
        if (status === 410) version = null;
        else if (status !== null && status !== 200)
          throw new Error(`the API server answered HTTP ${status} to the watch`);
        pauseMs = PAUSE_MS;
        // A server that ends every watch at once must not be asked in a tight loop.
        await sleep(version === null ? 0 : 50, undefined, { signal }).catch(() => {});
      } catch (error) {
        if (signal.aborted) break;
        sink.problem(
          `Kubernetes ${config.namespace}/${config.service}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
        );
        version = null;
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  })();
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

/** Applies one watch event; returns the version to go on from, null when it must be listed anew. */
function onEvent(
  type: string,
  object: EndpointSlice & { code?: number },
  slices: Map<string, EndpointSlice>,
  version: string | null,
  say: () => void,
): string | null {
  if (type === 'ERROR') return object.code === 410 ? null : version;
  const next = object.metadata?.resourceVersion ?? version;
  if (type === 'BOOKMARK') return next;
  const name = object.metadata?.name ?? '';
  if (type === 'DELETED') slices.delete(name);
  else if (type === 'ADDED' || type === 'MODIFIED') slices.set(name, object);
  say();
  return version === null ? null : next;
}
