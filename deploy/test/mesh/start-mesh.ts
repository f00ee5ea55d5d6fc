import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from './free-port.ts';
import { ManagedProcess } from './managed-process.ts';
import { meshConfig, planReplicas, secure } from './mesh-config.ts';
import type { MeshConfig, MeshOptions } from './mesh-options.ts';
import { nodeProgram } from './node-program.ts';
import { hostsOf, isChosen } from './envoy-hosts.ts';
import { prepareEdge, type Edge } from './start-edge.ts';
import { prepareGateway, type Gateway } from './start-gateway.ts';
import { startRedis, startSentinelRedis, type Redis, type SentinelRedis } from './start-redis.ts';
import { prepareReplica, type Replica } from './start-replica.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { answers, waitFor } from './wait-for.ts';

export interface ControlPlane {
  process: ManagedProcess;
  adminUrl: string;
  xds: string;
}

/** A whole mesh on loopback: Redis, control plane, gateways, replicas. `await using mesh = await startMesh(…)` ends it whatever happens. */
export interface Mesh extends AsyncDisposable {
  /** Logs (`<process>.log`), the configuration and sockets. */
  folder: string;
  gateways: Gateway[];
  edges: Edge[];
  /** All replicas, in the order of the configuration. */
  replicas: Replica[];
  redis: Redis | SentinelRedis | null;
  controlPlane: ControlPlane;
  /** All of them; the first is `controlPlane`. */
  controlPlanes: ControlPlane[];
  configFile: string;
  config: MeshConfig;
  /** Where clients reach a server through a gateway. */
  url(server: string, gateway?: number): string;
  replicasOf(server: string): Replica[];
  /** Every process, Redis included. */
  processes(): ManagedProcess[];
  /** Changes the configuration and puts the new file in the place of the old one. */
  writeConfig(change?: (config: MeshConfig) => void): Promise<void>;
  /** Waits until every gateway knows these replicas (all running ones when absent) as healthy, and every edge sends to the gateways. */
  settled(replicas?: readonly Replica[]): Promise<void>;
  close(): Promise<void>;
}

export async function startMesh(options: MeshOptions = {}): Promise<Mesh> {
  const {
    servers = options.configFile === undefined ? { linear: { replicas: 3 } } : {},
    redis: wantedRedis = true,
    say = () => {},
    signal,
  } = options;
  const folder = await temporaryFolder(options.folderPrefix);
  const started: ManagedProcess[] = [];
  let redis: Redis | SentinelRedis | null = null;
  const close = async (): Promise<void> => {
    await Promise.all(started.map((process) => process.kill()));
    await redis?.close();
    await folder.remove();
  };
  signal?.addEventListener(
    'abort',
    () => {
      for (const process of started) void process.kill();
    },
    { once: true },
  );
  try {
    const gatewayNames = Array.from({ length: options.gateways ?? 2 }, (_, index) => `gateway-${index + 1}`);
    const ports =
      options.port === undefined
        ? await freePorts(gatewayNames.length)
        : gatewayNames.map((_, index) => options.port! + index);
    const counts = Object.values(servers).flatMap(({ replicas }) =>
      typeof replicas === 'number' ? [replicas] : Object.values(replicas),
    );
    const replicaPorts = await freePorts(counts.reduce((sum, count) => sum + count, 0));
    const planned = planReplicas(servers, () => replicaPorts.shift()!);
    const planes = Math.max(1, options.controlPlanes ?? 1);
    const xds = (await freePorts(planes)).map((port) => `127.0.0.1:${port}`),
      admin = (await freePorts(planes)).map((port) => `127.0.0.1:${port}`);
    if (wantedRedis === 'sentinel') redis = await startSentinelRedis({ folder: folder.path });
    else if (wantedRedis === true || wantedRedis === 'persistent')
      redis = await startRedis({ folder: folder.path, isPersistent: wantedRedis === 'persistent' });
    const redisUrl = typeof wantedRedis === 'object' ? wantedRedis.url : (redis?.url ?? null);
    const env = {
      ...(redisUrl === null ? { SESSION_STORE: 'memory' } : { SESSION_STORE: 'redis', SESSION_STORE_URL: redisUrl }),
      // A file of one's own may say another port than the one that was asked for; what clients are told comes from there.
      ...(options.configFile !== undefined && { PORT: String(ports[0]) }),
      ...options.env,
    };
    signal?.throwIfAborted();

    const config = meshConfig({
      servers,
      replicas: planned,
      gatewayNames,
      port: ports[0]!,
      redisUrl,
      xds: xds[0]!,
      admin: admin[0]!,
      stateDir: join(folder.path, 'state'),
    });
    if (options.edges) {
      config['edge'] = {};
      config['gateway'] = { ...(config['gateway'] as object | undefined), edgeAddresses: ['127.0.0.0/8'] };
    }
    if (options.certs !== undefined) secure(config, options.certs);
    options.config?.(config);
    const configFile = options.configFile ?? join(folder.path, 'holdfast.yaml');
    const writeConfig = async (change?: (config: MeshConfig) => void): Promise<void> => {
      if (options.configFile !== undefined) throw new Error(`${configFile} is not ours to write`);
      change?.(config);
      await writeFile(`${configFile}.new`, stringify(config, { aliasDuplicateObjects: false }));
      await rename(`${configFile}.new`, configFile);
    };
    if (options.configFile === undefined) await writeConfig();

    const controlPlanes = xds.map((address, index): ControlPlane => {
      const name = index === 0 ? 'control plane' : `control plane ${index + 1}`,
        adminUrl = `http://${admin[index]!}`;
      const process = new ManagedProcess({
        name,
        logFile: join(folder.path, `${name}.log`),
        isReady: () => answers(`${adminUrl}/readyz`),
        ...nodeProgram(
          'control-plane/main.ts',
          [
            '--config',
            configFile,
            '--xds',
            address,
            '--admin',
            admin[index]!,
            '--state-dir',
            join(folder.path, 'state'),
          ],
          env,
        ),
      });
      return { process, adminUrl, xds: address };
    });
    const replicas = planned.map((one) => prepareReplica(one, servers[one.server]!, folder.path));
    const gateways = await Promise.all(
      gatewayNames.map((name, index) =>
        prepareGateway({
          name,
          port: ports[index]!,
          folder: folder.path,
          xds,
          configFile,
          certs: options.certs ?? null,
          processes: options.processes ?? 1,
          envoyConcurrency: options.envoyConcurrency ?? 1,
          env: { ...env, ...options.gatewayEnv?.(index) },
        }),
      ),
    );
    const envoyConcurrency = options.envoyConcurrency ?? 1;
    const edges = await Promise.all(
      Array.from({ length: options.edges ?? 0 }, (_, index) =>
        prepareEdge({ name: `edge-${index + 1}`, folder: folder.path, xds, concurrency: envoyConcurrency }),
      ),
    );
    const ours = [
      ...controlPlanes.map(({ process }) => process),
      ...edges.map(({ envoy }) => envoy.process),
      ...replicas.map(({ process }) => process),
      ...gateways.flatMap((one) => [one.envoy.process, ...one.sidecars.map(({ process }) => process)]),
    ];

    // All at once: every part waits for what it needs, in whatever order they come up.
    signal?.throwIfAborted();
    started.push(...ours);
    await Promise.all(
      started.map(async (process) => {
        await process.start();
        say(`${process.name} is up`);
      }),
    );
    const settled = async (
      wanted: readonly Replica[] = replicas.filter(({ process }) => process.isRunning),
    ): Promise<void> => {
      const running = gateways.filter((one) => one.envoy.process.isRunning);
      await Promise.all(
        running.map((gateway) => {
          const { adminUrl } = gateway.envoy;
          let missing = '';
          return waitFor(
            async () => {
              missing = `${gateway.url}/health does not answer with 200`;
              if (!(await answers(`${gateway.url}/health`))) return false;
              missing = `${adminUrl} does not answer`;
              const hosts = await hostsOf(adminUrl);
              const healthOf = ({ server, address }: Replica) =>
                hosts.get(`mcp.${server}`)?.get(address) ?? 'not known';
              const unhealthy = wanted.filter((replica) => {
                const { server, backend } = replica;
                const health = healthOf(replica);
                // A backend of weight 0 takes nothing new: to Envoy it is draining.
                return !(health === 'HEALTHY' || (servers[server]?.weights?.[backend] === 0 && health === 'DRAINING'));
              });
              missing = unhealthy.map((replica) => `${replica.name} is ${healthOf(replica)}`).join(', ');
              return unhealthy.length === 0;
            },
            { what: () => `${gateway.name} knows ${wanted.length} healthy replicas (${missing})`, everyMs: 50 },
          );
        }),
      );
      await Promise.all(
        edges
          .filter(({ envoy }) => envoy.process.isRunning)
          .flatMap(({ name, envoy }) =>
            running.map((gateway) =>
              waitFor(() => isChosen(envoy.adminUrl, new URL(gateway.url).host), {
                what: `${name} sends to ${gateway.name}`,
                everyMs: 50,
              }),
            ),
          ),
      );
    };
    await settled();
    signal?.throwIfAborted();
    return {
      folder: folder.path,
      gateways,
      edges,
      replicas,
      redis,
      controlPlane: controlPlanes[0]!,
      controlPlanes,
      configFile,
      config,
      url: (server, gateway = 0) => `${gateways[gateway]!.url}/mcp/${server}`,
      replicasOf: (server) => replicas.filter((one) => one.server === server),
      processes: () => [...(redis?.processes ?? []), ...ours],
      writeConfig,
      settled,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
