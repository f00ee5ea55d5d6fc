/** One server of a mesh. */
export interface MeshServerOptions {
  /** How many replicas of the backend `stable`, or the count by backend. */
  replicas: number | Record<string, number>;
  /** Weight by backend; 100 where absent. */
  weights?: Record<string, number>;
  /** Path of the server's program in the repository; `deploy/test/servers/<name>/main.ts` when absent. It takes `--port`, `--host` and `--name`. */
  program?: string;
  /** A program of others as the replica, instead of `program`: how one is started for its port and name. */
  command?: (replica: { port: number; name: string }) => { command: string; args: string[]; env?: NodeJS.ProcessEnv };
  /** Further arguments of every replica. */
  args?: readonly string[];
  /** And of those of one backend. */
  backendArgs?: Record<string, readonly string[]>;
  /** Keys of the server in the configuration: `guard`, `trustAnnotations`, `probe` … */
  settings?: Record<string, unknown>;
}

export interface MeshOptions {
  /** Gateway nodes, each an Envoy and its sidecar. Default 2. */
  gateways?: number;
  /** Control planes, which need Redis to agree if there are several. Default 1. */
  controlPlanes?: number;
  /** Balancers before the gateways, each an Envoy of role `edge`. Default 0. */
  edges?: number;
  /** Sidecar processes per gateway node. Default 1. */
  processes?: number;
  /** Default: three replicas of `linear`. */
  servers?: Record<string, MeshServerOptions>;
  /**
   * true: one Redis. persistent: with an append-only file. sentinel: primary, replica, three sentinels. false: sessions in memory.
   * `{url}`: one that runs already. Default true.
   */
  redis?: boolean | 'persistent' | 'sentinel' | { url: string };
  /** Public port of the first gateway; the others follow it. Free ports when absent. */
  port?: number;
  /** A configuration file of one's own, used as it is and never written: its servers run elsewhere, none are started here. */
  configFile?: string;
  /** Changes the configuration before it is first written. */
  config?: (config: MeshConfig) => void;
  /** Further environment of control plane and sidecars. */
  env?: NodeJS.ProcessEnv;
  /** Further environment of one gateway node, by its index. */
  gatewayEnv?: (index: number) => NodeJS.ProcessEnv;
  /** Folder of certificates (control-plane/certs) of `control-plane` and of every gateway: mTLS between all processes of the mesh. */
  certs?: string;
  /** Worker threads of each Envoy. Default 1. */
  envoyConcurrency?: number;
  /** Prefix of the temporary folder's name. */
  folderPrefix?: string;
  /** Progress, a line at a time. */
  say?: (line: string) => void;
  /** Gives up starting, and ends what was started. */
  signal?: AbortSignal;
}

/** The configuration file as a plain object (its schema: control-plane/config). */
export interface MeshConfig {
  servers: MeshServerConfig[];
  [section: string]: unknown;
}

export interface MeshServerConfig {
  name: string;
  backends: Array<{
    name: string;
    weight: number;
    replicas: Array<{ address: string; name: string }>;
    [key: string]: unknown;
  }>;
  [key: string]: unknown;
}
