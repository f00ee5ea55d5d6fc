import { connectClient } from '../connect-client.ts';
import type { ClientKind } from '../mcp-client.ts';
import { ForeignClient } from './foreign-client.ts';
import type { ForeignKind } from './foreign-kinds.ts';
import type { ForkServers } from './fork-server.ts';
import { installForeignClient } from './install.ts';
import type { Heard, LineClient } from './line-client.ts';

export type OfficialKind = Extract<ClientKind, 'v1' | 'v2-legacy'> | ForeignKind;

/** The official clients whose sessions a mesh must keep, with the names that people know. */
export const OFFICIAL_CLIENTS: Record<OfficialKind, string> = {
  v1: 'TypeScript 1.x',
  'v2-legacy': 'TypeScript 2.x',
  'python-1': 'Python 1.x',
  'python-2': 'Python 2.x',
  fastmcp: 'FastMCP',
  go: 'Go',
};

async function heardBy(work: Promise<unknown>): Promise<Heard> {
  try {
    return { result: await work };
  } catch (error) {
    const { name, code, message, data } = error as Error & { code?: unknown; data?: unknown };
    return { error: { type: name, code: typeof code === 'number' ? code : null, message, data: data ?? null } };
  }
}

interface AnyOptions {
  url: string;
  timeoutSeconds: number;
  /** Clients that are forked; others begin a process each. */
  forkServers?: ForkServers;
}

/** Any official client, connected; a text says what is missing on this machine. */
export async function connectAny(
  kind: OfficialKind,
  { url, timeoutSeconds, forkServers }: AnyOptions,
): Promise<LineClient | string> {
  if (kind === 'v1' || kind === 'v2-legacy') {
    const client = await connectClient({ kind, url, timeoutMs: timeoutSeconds * 1000 });
    return {
      call: (tool, args = {}) =>
        heardBy(client.callTool(tool, args).then(({ data, isError }) => ({ content: data, isError }))),
      tools: () => heardBy(client.listTools()),
      close: () => client.close(),
    };
  }
  const forkServer = forkServers?.get(kind);
  if (forkServer) return ForeignClient.connect(forkServer, { url, timeoutSeconds });
  const installed = await installForeignClient(kind);
  return 'missing' in installed ? installed.missing : ForeignClient.connect(installed, { url, timeoutSeconds });
}
