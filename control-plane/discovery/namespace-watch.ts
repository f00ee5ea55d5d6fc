import { ObjectWatch, type ObjectApi } from '../kubernetes/object-watch.ts';
import type { EndpointSlice } from './endpoint-slices.ts';

/** Slices of a Service carry its name in this label. */
const SERVICE_LABEL = 'kubernetes.io/service-name';

/** All EndpointSlices of one namespace. */
export type SliceApi = ObjectApi<EndpointSlice>;

/** Who follows one Service of the namespace. */
export interface ServiceListener {
  service: string;
  /** All slices of the Service; none when the API server knows none. */
  slices(found: readonly EndpointSlice[]): void;
  problem(text: string): void;
}

/** Follows the EndpointSlices of one namespace for all its listeners. */
export class NamespaceWatch {
  readonly #listeners = new Map<string, Set<ServiceListener>>();
  /** By the name of their Service: with many Services, a change must not be looked for in all slices. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #watch: ObjectWatch<EndpointSlice>;

  constructor(openApi: () => Promise<SliceApi>) {
    this.#watch = new ObjectWatch('endpointslices', openApi, {
      listed: () => this.#listed(),
      changed: (before, after) => this.#changed(before, after),
      problem: (text) => {
        for (const listener of this.#all()) listener.problem(text);
      },
    });
  }

  add(listener: ServiceListener): void {
    const same = this.#listeners.get(listener.service) ?? new Set();
    this.#listeners.set(listener.service, same.add(listener));
    if (this.#watch.objects() !== null) this.#tell(listener);
    if (this.#watch.problem !== null) listener.problem(this.#watch.problem);
  }

  /** True when nobody is left. */
  remove(listener: ServiceListener): boolean {
    const same = this.#listeners.get(listener.service);
    same?.delete(listener);
    if (same?.size === 0) this.#listeners.delete(listener.service);
    return this.#listeners.size === 0;
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  #listed(): void {
    this.#slices.clear();
    for (const slice of this.#watch.objects() ?? []) this.#keep(slice);
    for (const listener of this.#all()) this.#tell(listener);
  }

  #changed(before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    const name = nameOf(before ?? after);
    if (before) this.#slices.get(serviceOf(before))?.delete(name);
    if (after) this.#keep(after);
    for (const service of new Set([before, after].flatMap((slice) => (slice ? [serviceOf(slice)] : []))))
      for (const listener of this.#listeners.get(service) ?? []) this.#tell(listener);
  }

  #keep(slice: EndpointSlice): void {
    const service = serviceOf(slice);
    const same = this.#slices.get(service) ?? new Map<string, EndpointSlice>();
    this.#slices.set(service, same.set(nameOf(slice), slice));
  }

  #all(): ServiceListener[] {
    return [...this.#listeners.values()].flatMap((same) => [...same]);
  }

  #tell(listener: ServiceListener): void {
    listener.slices([...(this.#slices.get(listener.service)?.values() ?? [])]);
  }
}

const serviceOf = (slice: EndpointSlice): string => slice.metadata?.labels?.[SERVICE_LABEL] ?? '';
const nameOf = (slice: EndpointSlice | undefined): string => slice?.metadata?.name ?? '';
