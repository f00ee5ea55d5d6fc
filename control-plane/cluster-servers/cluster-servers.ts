import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import { detach } from '../../proto/detach.ts';
import type { ClusterServersConfig } from '../config/kubernetes-schema.ts';
import type { ServerConfig } from '../config/server-schema.ts';
import { ObjectWatch, type KubernetesObject, type ObjectApi } from '../kubernetes/object-watch.ts';
import { claims, type Claims } from './claims.ts';
import type { ClusterApi } from './cluster-api.ts';
import {
  PLURAL,
  wantedByResource,
  wantedByService,
  type McpServerObject,
  type ServiceObject,
  type Wanted,
} from './mcp-server.ts';

export interface ClusterServersOptions {
  config: ClusterServersConfig;
  /** Names of the servers in the configuration file. */
  inFile: () => ReadonlySet<string>;
  /** What is wrong with a server beyond its form. */
  problemOf: (server: ServerConfig) => string | null;
  api: ClusterApi;
  registry: Registry;
  errors: InternalErrors;
  log: Pick<Logger, 'warn'>;
  /** The cluster asks for other servers. */
  onChange: (servers: readonly ServerConfig[]) => void;
}

/** A burst of changes is looked at once. */
const GATHER_MS = 50;

/** The servers that objects of the cluster ask for: custom resources McpServer, and annotated Services. */
export class ClusterServers {
  readonly #options: ClusterServersOptions;
  readonly #resources: Array<ObjectWatch<McpServerObject>>;
  readonly #services: Array<ObjectWatch<ServiceObject>>;
  readonly #gauge: Gauge<'state'>;
  #claims: Claims | null = null;
  #timer: NodeJS.Timeout | undefined;
  #said: string | null = null;

  constructor(options: ClusterServersOptions) {
    this.#options = options;
    const { api, config, registry } = options;
    const namespaces = config.namespaces ?? [null];
    this.#resources = namespaces.map((namespace) =>
      this.#watch(`${PLURAL}.mesh.holdfast`, () => api.resources(namespace)),
    );
    this.#services = namespaces.map((namespace) => this.#watch('services', () => api.services(namespace)));
    this.#gauge = new Gauge({
      name: 'holdfast_cluster_servers',
      help: 'Objects of the Kubernetes cluster that ask for a server, by whether they have it.',
      labelNames: ['state'],
      registers: [registry],
    });
  }

  /** Those in force; null before everything was listed once, because a gateway must not be told of fewer servers than there are. */
  servers(): readonly ServerConfig[] | null {
    return this.#claims?.servers ?? null;
  }

  /** Why an object has no effect, by `kind namespace/name`. */
  problems(): ReadonlyMap<string, string | null> {
    return this.#claims?.problems ?? new Map();
  }

  /** The custom resources as they are now. */
  resources(): readonly McpServerObject[] {
    return this.#resources.flatMap((each) => each.objects() ?? []);
  }

  /** Why what is known may be old; null while the API server answers. */
  problem(): string | null {
    return [...this.#resources, ...this.#services].map((each) => each.problem).find((each) => each !== null) ?? null;
  }

  /** The configuration file changed: names may be taken or free now. */
  renew(): void {
    if (this.#claims) this.#decide();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all([...this.#resources, ...this.#services].map((each) => each.stop()));
  }

  #watch<T extends KubernetesObject>(resource: string, open: () => Promise<ObjectApi<T>>): ObjectWatch<T> {
    return new ObjectWatch<T>(resource, open, {
      listed: () => this.#soon(),
      changed: () => this.#soon(),
      problem: (text) => {
        if (text !== this.#said)
          this.#options.log.warn({ problem: text }, 'servers of the cluster are as they were last known');
        this.#said = text;
      },
    });
  }

  #soon(): void {
    this.#said = null;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      detach(
        () => this.#decide(),
        (error) => this.#options.errors.report('cluster-servers', error),
      );
    }, GATHER_MS).unref();
  }

  #decide(): void {
    const { config, inFile, problemOf, onChange } = this.#options;
    const resources = this.#resources.map((each) => each.objects()),
      services = this.#services.map((each) => each.objects());
    if ([...resources, ...services].includes(null)) return;
    const wanted: Wanted[] = [
      ...resources.flatMap((all) => (all ?? []).map((each) => wantedByResource(each, config.kubeconfig))),
      ...services.flatMap((all) => (all ?? []).flatMap((each) => wantedByService(each, config.kubeconfig) ?? [])),
    ];
    const before = this.#claims;
    const ofNamespace = config.namespaces?.length === 1 ? config.max : Math.ceil(config.max / 2);
    this.#claims = claims(inFile(), wanted, { inAll: config.max, ofNamespace }, problemOf);
    const { servers, problems } = this.#claims;
    this.#gauge.set({ state: 'accepted' }, servers.length);
    this.#gauge.set({ state: 'refused' }, problems.size - servers.length);
    if (before === null || JSON.stringify(before.servers) !== JSON.stringify(servers)) onChange(servers);
  }
}
