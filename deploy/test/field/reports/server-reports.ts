import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { exchange, MCP_HEADERS } from '../../attack/http-client.ts';
import { connectClient } from '../../clients/connect-client.ts';
import { ForeignClient } from '../../clients/foreign/foreign-client.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import type { Folders, PackageName } from '../packages.ts';
import { wordIf, type Scene } from '../scene.ts';
import { callOf, request } from './raw-session.ts';

const ANSWERED = 'all answered';
const SERVER_PY = join(REPOSITORY, 'deploy/test/field/servers/server.py');
const HOST = 'mcp.example.com';

/** Client and server of the Go SDK ping each other, and end the session when no answer comes. */
const PINGS_MS = 500;
const PINGED_FOR_MS = 12_000;

async function pinged(mesh: Mesh, { go }: Folders): Promise<string> {
  const client = await ForeignClient.connect(
    { command: join(go, 'program'), args: ['--keep-alive-ms', String(PINGS_MS)] },
    { url: mesh.url('go'), timeoutSeconds: 30 },
  );
  try {
    const names: string[] = [];
    const ask = async (): Promise<void> => {
      const heard = await client.call('whoami');
      if ('error' in heard) throw new Error(JSON.stringify(heard.error));
      names.push(/go-\d/.exec(JSON.stringify(heard.result))?.[0] ?? '');
    };
    await ask();
    await pause(PINGED_FOR_MS / 2);
    await ask();
    // A server that had no CPU for its ping's time ends the session, and the mesh rebuilds it elsewhere.
    const home = mesh.replicasOf('go').find(({ name }) => name === names.at(-1));
    await home?.process.kill();
    await pause(PINGED_FOR_MS / 2);
    await ask();
    const [, before, after] = names;
    return wordIf(ANSWERED, before !== '' && after !== undefined && after !== before, names);
  } finally {
    await client.close();
  }
}

/** The official Go server and client with pings both ways, through a kill. */
export const KEEP_ALIVE_PINGS: Scene = {
  section: 'reports',
  name: 'pings of the Go SDK',
  packages: ['go'],
  async play(trial, folders) {
    const command = ({ port, name }: { port: number; name: string }) => ({
      command: join(folders.go, 'program'),
      args: ['serve', '--port', String(port), '--name', name, '--keep-alive-ms', String(PINGS_MS)],
    });
    await using mesh = await startMesh({ gateways: 1, servers: { go: { replicas: 2, command } } });
    const subject = { id: 'W14', client: 'Go', server: 'Go SDK, pings every 0.5 s', expected: ANSWERED };
    await trial(subject, () => pinged(mesh, folders));
  },
};

const python = (folder: string, kind: PackageName, ...flags: string[]) => ({
  command: ({ port, name }: { port: number; name: string }) => ({
    command: join(folder, 'bin/python'),
    args: [SERVER_PY, kind, '--port', String(port), '--name', name, ...flags],
  }),
});

/** Servers that refuse what a mesh in front of them changes, or does not, with the settings that users have. */
export const SERVERS_AS_THEY_ARE: Scene = {
  section: 'reports',
  name: 'servers as they are',
  packages: ['fastmcp', 'python-1'],
  async play(trial, folders) {
    const checks = { replicas: 1, ...python(folders['python-1'], 'python-1') };
    const names = { allowedHosts: [HOST], allowedOrigins: ['https://app.example.com'] };
    await using mesh = await startMesh({
      gateways: 1,
      servers: {
        sse: { replicas: 2, settings: { path: '/sse' }, ...python(folders.fastmcp, 'fastmcp', '--sse') },
        cured: {
          ...checks,
          settings: { ...names, hostOverride: 'localhost:1', originOverride: 'http://localhost:1' },
        },
      },
    });
    await trial({ id: 'F10', client: 'v1-sse', server: 'FastMCP, HTTP+SSE alone', expected: ANSWERED }, async () => {
      const client = await connectClient({ kind: 'v1-sse', url: mesh.url('sse'), timeoutMs: 30_000 });
      const { text } = await client.callTool('whoami', {});
      await client.close();
      return wordIf(ANSWERED, text.includes('sse-'), text);
    });
    const fromBrowser = { ...MCP_HEADERS, host: HOST, origin: 'https://app.example.com' };
    const initialize = request('1', 'initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'field', version: '1' },
    });
    await trial({ id: 'F15', client: 'raw', server: 'Python SDK 1.x without a mesh', expected: '421' }, async () => {
      const { status } = await exchange(new URL('/mcp', mesh.replicasOf('cured')[0]?.url).href, {
        headers: fromBrowser,
        body: initialize,
      });
      return String(status);
    });
    const subject = { id: 'F15', client: 'raw', server: 'Python SDK 1.x, hostOverride, originOverride' };
    await trial({ ...subject, expected: ANSWERED }, async () => {
      const begun = await exchange(mesh.url('cured'), { headers: fromBrowser, body: initialize });
      const session = { ...fromBrowser, 'mcp-session-id': String(begun.headers['mcp-session-id']) };
      const { status, body } = await exchange(mesh.url('cured'), { headers: session, body: callOf('2', 'whoami') });
      return wordIf(ANSWERED, status === 200 && body.includes('cured-'), `${begun.status} ${status} ${body}`);
    });
  },
};

/** So many clients behind one edge, each with as many calls as it may make. */
const CLIENTS = 4;
const CALLS = 3;

/** Each client has its own limit, also behind an edge. */
export const BEHIND_AN_EDGE: Scene = {
  section: 'reports',
  name: 'clients behind an edge',
  packages: [],
  async play(trial) {
    const client = { requests: CALLS + 1, perMs: 600_000 };
    await using mesh = await startMesh({
      edges: 1,
      servers: { linear: { replicas: 1, settings: { rateLimit: { client } } } },
    });
    const [edge] = mesh.edges;
    const url = new URL(new URL(mesh.url('linear')).pathname, edge?.url).href;
    const ping = { headers: MCP_HEADERS, body: request('7', 'ping') };
    await trial(
      { id: 'F14', client: 'raw', server: `rateLimit.client, ${CLIENTS} clients behind an edge`, expected: ANSWERED },
      async () => {
        await waitFor(async () => (await exchange(url, { ...ping, from: '127.0.0.50' })).status < 500, {
          what: 'the edge knows its gateways',
        });
        const statuses = await Promise.all(
          Array.from({ length: CLIENTS * CALLS }, async (_, at) => {
            const { status, body } = await exchange(url, { ...ping, from: `127.0.0.${60 + (at % CLIENTS)}` });
            return body.includes('rateLimit') ? 'refused' : status;
          }),
        );
        return wordIf(ANSWERED, !statuses.includes('refused'), statuses);
      },
    );
  },
};
