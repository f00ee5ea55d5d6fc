import type { ConnectOptions, McpClient } from './mcp-client.ts';
import { connectV1 } from './v1-client.ts';
import { connectV2 } from './v2-client.ts';

/** Connects an official client of the given kind. */
export function connectClient(options: ConnectOptions): Promise<McpClient> {
  return options.kind.startsWith('v1') ? connectV1(options) : connectV2(options);
}
