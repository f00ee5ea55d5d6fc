import { join } from 'node:path';
import { parse } from 'yaml';
import { renderBootstrap } from '../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import { freePort, freePorts } from './free-port.ts';
import { ManagedProcess } from './managed-process.ts';
import { nodeProgram } from './node-program.ts';
import { prepareEnvoy, type Envoy } from './start-envoy.ts';
import { answers } from './wait-for.ts';

/** A young generation of 8 MB instead of 64: about the same CPU, and a sidecar that knows 50,000 sessions stays below 200 MB (sidecar/README.md). */
export const SIDECAR_NODE_FLAGS = ['--max-semi-space-size=4'] as const;

export interface Sidecar {
  process: ManagedProcess;
  adminUrl: string;
  /** `ip:port` of its relay. */
  relay: string;
  /** Where neighbours reach it by mTLS; null without certificates. */
  relayPeer: string | null;
  /** Path of its ext_proc socket; the token that drains it stands beside it. */
  socket: string;
}

/** A gateway node: an Envoy and its sidecar processes. */
export interface Gateway {
  name: string;
  /** `http://ip:port` where clients connect. */
  url: string;
  envoy: Envoy;
  sidecars: Sidecar[];
  /** Starts what does not run. */
  start(): Promise<void>;
  /** Ends Envoy and sidecars at once, as a machine that loses its power would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  name: string;
  port: number;
  folder: string;
  xds: readonly string[];
  configFile: string;
  processes: number;
  envoyConcurrency: number;
  env: NodeJS.ProcessEnv;
  /** Folder of certificates; null: plain. */
  certs: string | null;
}

/** A gateway node's handle; not started. */
export async function prepareGateway(options: GatewayOptions): Promise<Gateway> {
  const { name, port, folder, xds } = options;
  const listen = `127.0.0.1:${port}`;
  const sidecars = await Promise.all(
    Array.from({ length: options.processes }, (_, index) => prepareSidecar(options, index)),
  );
  const adminPort = await freePort();
  const bootstrap = renderBootstrap(readBootstrapTemplate(), {
    nodeId: name,
    role: 'gateway',
    listen,
    extProc: sidecars.map(({ socket }) => `unix:${socket}`),
    relay: sidecars.map(({ relay }) => relay),
    controlPlanes: xds,
    admin: `127.0.0.1:${adminPort}`,
    ...(options.certs !== null && {
      controlPlaneTls: {
        certificateFile: join(options.certs, `${name}.crt`),
        keyFile: join(options.certs, `${name}.key`),
        caFile: join(options.certs, 'ca.crt'),
      },
    }),
  });
  const envoy = await prepareEnvoy({
    config: parse(bootstrap),
    folder,
    name: `${name} envoy`,
    adminPort,
    concurrency: options.envoyConcurrency,
  });
  const processes = [envoy.process, ...sidecars.map((sidecar) => sidecar.process)];
  return {
    name,
    url: `http://${listen}`,
    envoy,
    sidecars,
    start: async () => {
      await Promise.all(processes.filter((process) => !process.isRunning).map((process) => process.start()));
    },
    kill: async () => {
      await Promise.all(processes.map((process) => process.kill()));
    },
    stop: async () => {
      await Promise.all(processes.map((process) => process.stop()));
    },
  };
}

async function prepareSidecar(
  { name, port, folder, xds, configFile, env, certs }: GatewayOptions,
  index: number,
): Promise<Sidecar> {
  const [relayPort, adminPort, peerPort, relayPeerPort] = (await freePorts(4)) as [number, number, number, number];
  const nodeId = index === 0 ? name : `${name}-${index + 1}`;
  const socket = join(folder, `${nodeId}.sock`);
  const relay = `127.0.0.1:${relayPort}`,
    relayPeer = certs === null ? null : `127.0.0.1:${relayPeerPort}`;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const process = new ManagedProcess({
    name: `${nodeId} sidecar`,
    logFile: join(folder, `${nodeId} sidecar.log`),
    isReady: () => answers(`${adminUrl}/readyz`),
    ...nodeProgram(
      'sidecar/main.ts',
      [
        '--node-id',
        nodeId,
        '--xds',
        xds.join(','),
        '--ext-proc',
        socket,
        '--relay',
        relay,
        '--admin',
        `127.0.0.1:${adminPort}`,
        '--peer',
        `127.0.0.1:${peerPort}`,
        '--listen',
        `127.0.0.1:${port}`,
        '--state-dir',
        join(folder, 'state'),
        '--config',
        configFile,
        ...(certs === null ? [] : ['--certs', certs, '--relay-peer', relayPeer!]),
      ],
      env,
      SIDECAR_NODE_FLAGS,
    ),
  });
  return { process, adminUrl, relay, relayPeer, socket };
}
