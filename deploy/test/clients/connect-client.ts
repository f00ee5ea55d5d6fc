import type { ConnectOptions, McpClient } from './mcp-client.ts';
import { ownSessionFetch } from './own-session.ts';
import { connectV1 } from './v1-client.ts';
import { connectV2 } from './v2-client.ts';

/** Connects an official client of the given kind, which fails on any answer with a session id other than its own. */
export function connectClient(given: ConnectOptions): Promise<McpClient> {
  const options = { ...given, fetch: ownSessionFetch(given.fetch) };
  return options.kind.startsWith('v1') ? connectV1(options) : connectV2(options);
}
