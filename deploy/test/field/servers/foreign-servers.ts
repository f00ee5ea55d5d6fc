import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientKind } from '../../clients/mcp-client.ts';
import type { MeshServerOptions } from '../../mesh/mesh-options.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import type { Folders, PackageName } from '../packages.ts';

type Call = readonly [tool: string, args: Record<string, unknown>];

/** A server as others ship it, or as teams write it on an official package, with one call of each sort that it has. */
export interface ForeignServer {
  name: string;
  package: PackageName | null;
  /** How a replica is started; `data` is a folder of its own. */
  started(folders: Folders, data: string): Pick<MeshServerOptions, 'program' | 'args' | 'command'>;
  settings?: Record<string, unknown>;
  /** Where a replica itself serves. Default `/mcp`. */
  path?: string;
  client: ClientKind;
  quick: Call;
  /** Takes two seconds, and is safe to repeat. Without one, replicas are killed while sessions are idle. */
  slow?: Call;
  /** Tells of its progress. */
  progress?: Call;
}

const SERVER_PY = join(REPOSITORY, 'deploy/test/field/servers/server.py');
const SLOW_MS = 2000;
const OURS = { quick: ['whoami', {}], slow: ['slow', { ms: SLOW_MS }], progress: ['count', { steps: 3 }] } as const;

const python = (kind: 'fastmcp' | 'python-1' | 'python-2', name: string, flags: string[] = []): ForeignServer => {
  const isSse = flags.includes('--sse');
  return {
    name,
    package: kind,
    started: (folders) => ({
      command: ({ port, name: replica }) => ({
        command: join(folders[kind], 'bin/python'),
        args: [SERVER_PY, kind, '--port', String(port), '--name', replica, ...flags],
      }),
    }),
    client: isSse ? 'v1-sse' : 'v1',
    ...(isSse && { path: '/sse', settings: { path: '/sse' } }),
    ...OURS,
  };
};

const node = (folder: string, program: string): string => join(folder, 'node_modules', program);

const behindSupergateway = (program: string, quick: Call): ForeignServer => ({
  name: `${program} behind supergateway`,
  package: 'stdio',
  started: ({ stdio }, data) => ({
    command: ({ port, name }) => {
      const own = join(data, name);
      mkdirSync(own, { recursive: true });
      const server = node(stdio, `@modelcontextprotocol/${program}/dist/index.js`);
      const flags = ['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)];
      return {
        command: process.execPath,
        args: [node(stdio, 'supergateway/dist/index.js'), '--stdio', `${process.execPath} ${server} ${data}`, ...flags],
        env: { MEMORY_FILE_PATH: join(own, 'memory.jsonl') },
      };
    },
  }),
  // Each session starts a process.
  settings: { timeouts: { initializeMs: 30_000 } },
  client: 'v1',
  quick,
});

export const FOREIGN_SERVERS: readonly ForeignServer[] = [
  python('fastmcp', 'FastMCP, sessions'),
  python('fastmcp', 'FastMCP, stateless', ['--stateless']),
  python('fastmcp', 'FastMCP, HTTP+SSE', ['--sse']),
  python('python-1', 'Python SDK 1.x'),
  python('python-2', 'Python SDK 2.x'),
  {
    name: 'Go SDK',
    package: 'go',
    started: ({ go }) => ({
      command: ({ port, name }) => ({
        command: join(go, 'program'),
        args: ['serve', '--port', String(port), '--name', name],
      }),
    }),
    client: 'v1',
    ...OURS,
  },
  {
    name: 'server-everything',
    package: 'everything',
    started: ({ everything }) => ({
      command: ({ port }) => ({
        command: process.execPath,
        args: [node(everything, '@modelcontextprotocol/server-everything/dist/index.js'), 'streamableHttp'],
        env: { PORT: String(port) },
      }),
    }),
    client: 'v1',
    quick: ['echo', { message: 'a' }],
    slow: ['trigger-long-running-operation', { duration: SLOW_MS / 1000, steps: 1 }],
    progress: ['trigger-long-running-operation', { duration: 0.3, steps: 3 }],
  },
  behindSupergateway('server-memory', ['read_graph', {}]),
  behindSupergateway('server-filesystem', ['list_allowed_directories', {}]),
  {
    name: 'TypeScript SDK 1.x',
    package: null,
    started: () => ({ program: 'deploy/test/servers/linear/main.ts' }),
    client: 'v1',
    quick: ['echo', { text: 'a' }],
    slow: ['wait', { durationMs: SLOW_MS }],
    progress: ['watch', { durationMs: 300, steps: 3 }],
  },
  {
    name: 'TypeScript SDK 2.x',
    package: null,
    started: () => ({ program: 'deploy/test/servers/fixture/main.ts', args: ['--sdk', 'v2'] }),
    client: 'v2-legacy',
    quick: ['test_simple_text', {}],
    slow: ['slow', { ms: SLOW_MS }],
    progress: ['test_tool_with_progress', {}],
  },
];
