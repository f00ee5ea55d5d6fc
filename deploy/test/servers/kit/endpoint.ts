import type { IncomingMessage, ServerResponse } from 'node:http';

/** What serves MCP behind the HTTP host: one SDK line or the other. */
export interface Endpoint {
  /** undefined: the path is not this endpoint's. */
  handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> | undefined;
  sessionCount(): number;
  /** Closes what has been idle for too long. */
  reap(): Promise<void>;
  /** Ends the streams that would otherwise stay open for ever. */
  endStreams(): void;
  close(): Promise<void>;
}
