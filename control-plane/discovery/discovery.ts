import { contained, unreported, type InternalErrors } from '../../proto/internal-errors.ts';
import { isDeepStrictEqual } from 'node:util';
import type { DiscoveryConfig } from '../config/backend-schema.ts';
import { startDnsSource } from './dns-source.ts';
import { startFileSource } from './file-source.ts';
import { openKubernetesApi } from './kubernetes-api.ts';
import { startKubernetesSource } from './kubernetes-source.ts';
import { namespaceWatches } from './namespace-watches.ts';
import type { Source, SourceReport, SourceSink } from './source.ts';
import { isChange, nothingYet, withProblem, withReplicas } from './source-report.ts';

/** Where one backend's replicas come from: listed in the configuration, or found. */
export interface BackendSource {
  server: string;
  backend: string;
  replicas?: ReadonlyArray<{ address: string; name: string }> | undefined;
  discovery?: DiscoveryConfig | undefined;
}

export interface DiscoveryOptions {
  /** What a source knows changed, or whether it works. */
  onChange: (server: string, backend: string, report: SourceReport) => void;
  now?: () => number;
  errors?: InternalErrors;
}

interface Running {
  wanted: BackendSource;
  report: SourceReport;
  source: Source | null;
}

/** Runs one source per backend and keeps what each last knew. */
export class Discovery {
  readonly #options: Required<DiscoveryOptions>;
  readonly #running = new Map<string, Running>();
  readonly #ending = new Set<Promise<void>>();
  readonly #followService = namespaceWatches(openKubernetesApi);

  constructor(options: DiscoveryOptions) {
    this.#options = { now: Date.now, errors: unreported, ...options };
  }

  /** Follow exactly these. A source whose settings did not change goes on undisturbed; a changed one keeps its replicas until it answers. */
  watch(sources: readonly BackendSource[]): void {
    const wanted = new Map(sources.map((source) => [key(source.server, source.backend), source]));
    for (const [name, running] of this.#running) {
      const next = wanted.get(name);
      if (next && isDeepStrictEqual(next, running.wanted)) wanted.delete(name);
      else this.#end(running);
      if (!next) this.#running.delete(name);
    }
    for (const [name, source] of wanted) this.#begin(name, source, this.#running.get(name)?.report ?? nothingYet);
  }

  /** What is known of each backend, by `server/backend`. */
  current(): ReadonlyMap<string, SourceReport> {
    return new Map([...this.#running].map(([name, { report }]) => [name, report]));
  }

  async stop(): Promise<void> {
    for (const running of this.#running.values()) this.#end(running);
    this.#running.clear();
    await Promise.all(this.#ending);
  }

  #begin(name: string, wanted: BackendSource, report: SourceReport): void {
    const running: Running = { wanted, report, source: null };
    this.#running.set(name, running);
    const tell = contained(this.#options.errors, 'discovery', this.#options.onChange);
    const become = (next: SourceReport) => {
      if (this.#running.get(name) !== running) return;
      const before = running.report;
      running.report = next;
      // A source must not take the failure of what follows for its own.
      if (isChange(before, next)) tell(wanted.server, wanted.backend, next);
    };
    const sink: SourceSink = {
      replicas: (found) => {
        become(withReplicas(found, this.#options.now()));
      },
      problem: (text) => {
        become(withProblem(running.report, text));
      },
    };
    if (wanted.discovery) running.source = this.#start(wanted.discovery, sink);
    else sink.replicas((wanted.replicas ?? []).map((each) => ({ ...each, isTerminating: false })));
  }

  #start(config: DiscoveryConfig, sink: SourceSink): Source {
    switch (config.type) {
      case 'dns':
        return startDnsSource(config, sink);
      case 'file':
        return startFileSource(config, sink);
      case 'kubernetes':
        return startKubernetesSource(config, sink, this.#followService, this.#options.now);
    }
  }

  #end({ source }: Running): void {
    if (!source) return;
    const ended = source.stop().finally(() => {
      this.#ending.delete(ended);
    });
    this.#ending.add(ended);
  }
}

export const key = (server: string, backend: string): string => `${server}/${backend}`;
