import type { ClientKind } from '../clients/mcp-client.ts';

/** One kind of official server, as flags of the fixture. */
export interface ServerKind {
  name: string;
  sdk: 'v1' | 'v2';
  args: readonly string[];
}

/** HTTP+SSE of 2024-11-05: SDK v2 has no server for it. */
const HTTP_SSE: ServerKind = { name: 'v1-http-sse', sdk: 'v1', args: ['--sdk', 'v1', '--http-sse'] };

export const SERVER_KINDS: readonly ServerKind[] = [
  ...(['v1', 'v2'] as const).flatMap((sdk) =>
    [true, false].flatMap((isStateful) =>
      ['sse', 'json'].map((responses) => ({
        name: `${sdk}-${isStateful ? 'stateful' : 'stateless'}-${responses}`,
        sdk,
        args: [
          '--sdk',
          sdk,
          ...(isStateful ? [] : ['--stateless']),
          ...(responses === 'json' ? ['--json-responses'] : []),
        ],
      })),
    ),
  ),
  HTTP_SSE,
];

export const CLIENT_KINDS: readonly ClientKind[] = ['v1', 'v2-legacy', 'v2-auto', 'v2-modern', 'v1-sse', 'v2-sse'];

/** v2-modern is pinned to 2026-07-28, which SDK v1 does not speak; clients of HTTP+SSE need a server of it. */
export function canTalk(client: ClientKind, server: ServerKind): boolean {
  if (client.endsWith('-sse')) return server === HTTP_SSE;
  return client !== 'v2-modern' || server.sdk === 'v2';
}
