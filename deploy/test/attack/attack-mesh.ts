import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../mesh/free-port.ts';
import type { MeshConfig } from '../mesh/mesh-options.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { exchange, MCP_HEADERS, type Answer, type ExchangeOptions } from './http-client.ts';
import { RawReplica } from './raw-replica.ts';
import { AUDIENCE, createIssuer, ISSUER, type Issuer } from './tokens.ts';

/** Servers of the attacked mesh; `settings` are keys of its configuration. */
interface AttackedServer {
  replicas: number;
  isHttpSse?: boolean;
  hasJwt?: boolean;
  settings?: Record<string, unknown>;
}

const quickCalls = { timeouts: { callMs: 1500 } };
/** Where replicas are told to answer with garbage: their breakers would be right to open. */
const noBreakers = { replicaBreaker: { enabled: false }, toolBreaker: { enabled: false } };
export const SERVERS = {
  plain: { replicas: 2 },
  streams: { replicas: 2, settings: { guard: 'streams', ...noBreakers } },
  off: { replicas: 2, settings: { guard: 'off', ...noBreakers } },
  jwt: { replicas: 2, hasJwt: true, settings: noBreakers },
  jwtoff: { replicas: 2, hasJwt: true, settings: { guard: 'off' } },
  legacy: { replicas: 2, isHttpSse: true },
  modern: { replicas: 2, settings: noBreakers },
  cache: { replicas: 1, hasJwt: true, settings: { sharedCache: true } },
  opencache: { replicas: 1, settings: { sharedCache: true } },
  // A tenth of the usual rate: on a busy machine no client reaches that one.
  rationed: { replicas: 1, settings: { limits: { initializePerAddress: { requests: 10, burst: 100 } } } },
  // Their replicas are killed or forget, so no honest client is there.
  moving: { replicas: 2, settings: { ...quickCalls, ...noBreakers } },
  judged: { replicas: 2, settings: { ...quickCalls } },
  frugal: { replicas: 2, isHttpSse: true, settings: { retryBudget: { percent: 0, floor: 0 } } },
  origin: {
    replicas: 1,
    settings: { allowedOrigins: ['https://app.example.com'], cors: {}, allowedHosts: ['mcp.example.com', 'localhost'] },
  },
  root: { replicas: 1, settings: { path: '/' } },
} as const satisfies Record<string, AttackedServer>;
export type ServerName = keyof typeof SERVERS;

export interface SendOptions extends ExchangeOptions {
  gateway?: number;
  /** Mesh session id. */
  session?: string;
  /** Bearer token. */
  token?: string;
  /** Put behind the server's path: `?x=1`, `/sub`. */
  suffix?: string;
}

/** The mesh under attack, its replicas in this process, and an issuer of tokens. */
export interface AttackMesh extends AsyncDisposable {
  mesh: Mesh;
  issuer: Issuer;
  replicas: Record<ServerName, RawReplica[]>;
  url(server: ServerName | 'linear', gateway?: number): string;
  /** One HTTP request to a server through a gateway. */
  send(server: ServerName | 'linear', options?: SendOptions): Promise<Answer>;
  /** One JSON-RPC request. */
  rpc(server: ServerName | 'linear', message: object, options?: SendOptions): Promise<Answer>;
  /** Begins a session and says so to the replica; throws when it is refused. */
  session(server: ServerName | 'linear', options?: SendOptions): Promise<string>;
  /** What the replicas of a server were asked for, all of them. */
  count(server: ServerName, what: string): number;
  reset(server: ServerName): void;
}

/** Of an initialize that the mesh asks to send again. */
const MOST_TRIES = 4;

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'attack', version: '1' } },
} as const;

export const callOf = (name: string, args: object = {}, id: unknown = 2): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

export interface AttackMeshOptions {
  /** Changes the configuration before the mesh starts. */
  config?: (config: MeshConfig) => void;
  say?: (line: string) => void;
}

export async function startAttackMesh(options: AttackMeshOptions = {}): Promise<AttackMesh> {
  const folder = await temporaryFolder('holdfast-attack-');
  const issuer = createIssuer(Date.now);
  const jwksFile = join(folder.path, 'jwks.json');
  await writeFile(jwksFile, issuer.jwks);
  const replicas = await startReplicas();
  const all = Object.values(replicas).flat();
  try {
    const mesh = await startMesh({
      gateways: 2,
      servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } },
      config: (config) => {
        for (const [name, server] of Object.entries<AttackedServer>(SERVERS))
          config.servers.push(serverConfig(name, server, replicas[name as ServerName], jwksFile));
        // Short, so that what is given up after a while is seen to be.
        config['gateway'] = { limits: { requestMs: 3000 }, http2: true };
        options.config?.(config);
      },
      ...(options.say && { say: options.say }),
    });
    return attackMesh(mesh, issuer, replicas, async () => {
      await mesh.close();
      await Promise.all(all.map((replica) => replica.close()));
      await folder.remove();
    });
  } catch (error) {
    await Promise.all(all.map((replica) => replica.close()));
    await folder.remove();
    throw error;
  }
}

async function startReplicas(): Promise<Record<ServerName, RawReplica[]>> {
  const entries = await Promise.all(
    Object.entries<AttackedServer>(SERVERS).map(async ([name, { replicas, isHttpSse = false }]) => {
      const ports = await freePorts(replicas);
      return [name, ports.map((port, index) => new RawReplica(`${name}-${index + 1}`, port, isHttpSse))] as const;
    }),
  );
  await Promise.all(entries.flatMap(([, list]) => list.map((replica) => replica.start())));
  return Object.fromEntries(entries) as Record<ServerName, RawReplica[]>;
}

function serverConfig(
  name: string,
  { hasJwt = false, settings = {} }: AttackedServer,
  replicas: readonly RawReplica[],
  jwksFile: string,
): MeshConfig['servers'][number] {
  return {
    name,
    ...settings,
    probe: { type: 'off' },
    ...(hasJwt && { jwt: { issuer: ISSUER, audiences: [AUDIENCE], jwksFile } }),
    backends: [
      {
        name: 'stable',
        weight: 100,
        replicas: replicas.map((replica) => ({ address: replica.address, name: replica.name })),
      },
    ],
  };
}

function attackMesh(
  mesh: Mesh,
  issuer: Issuer,
  replicas: Record<ServerName, RawReplica[]>,
  close: () => Promise<void>,
): AttackMesh {
  const send: AttackMesh['send'] = (server, { gateway = 0, session, token, suffix = '', headers, ...rest } = {}) =>
    exchange(`${mesh.url(server, gateway)}${suffix}`, {
      ...rest,
      headers: {
        ...MCP_HEADERS,
        ...(session !== undefined && { 'mcp-session-id': session }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
  const rpc: AttackMesh['rpc'] = (server, message, options) =>
    send(server, { ...options, body: JSON.stringify(message) });
  return {
    mesh,
    issuer,
    replicas,
    url: (server, gateway) => mesh.url(server, gateway),
    send,
    rpc,
    async session(server, options) {
      let answer = await rpc(server, INITIALIZE, options);
      // A sidecar that gets no CPU for 2 s loses the answer, and the mesh asks the client to come again. So does this one, as an honest client would.
      for (let tries = 1; tries < MOST_TRIES && answer.status === 503 && answer.headers['retry-after']; tries++) {
        await pause(Number(answer.headers['retry-after']) * 1000);
        answer = await rpc(server, INITIALIZE, options);
      }
      const session = answer.headers['mcp-session-id'];
      if (answer.status !== 200 || typeof session !== 'string')
        throw new Error(`${server}: initialize was answered with ${answer.status}: ${answer.body.slice(0, 200)}`);
      await rpc(server, { jsonrpc: '2.0', method: 'notifications/initialized' }, { ...options, session });
      return session;
    },
    count: (server, what) => replicas[server].reduce((sum, replica) => sum + replica.count(what), 0),
    reset(server) {
      for (const replica of replicas[server]) replica.reset();
    },
    [Symbol.asyncDispose]: close,
  };
}
