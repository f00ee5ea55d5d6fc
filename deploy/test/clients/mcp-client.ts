/** Which official client, in which of its modes. */
export type ClientKind = 'v1' | 'v1-sse' | 'v2-legacy' | 'v2-modern' | 'v2-auto' | 'v2-sse';

/** What the client answers when the server asks it. Leaving one out means: the client lacks that capability. */
export interface ClientHandlers {
  sampling?: (prompt: string) => string | Promise<string>;
  elicitation?: (
    message: string,
  ) =>
    | { action: 'accept' | 'decline' | 'cancel'; content?: Record<string, string> }
    | Promise<{ action: 'accept' | 'decline' | 'cancel'; content?: Record<string, string> }>;
  roots?: readonly string[];
}

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface ConnectOptions {
  kind: ClientKind;
  url: string;
  /** For instance one that spreads requests over gateways. */
  fetch?: Fetch;
  headers?: Record<string, string>;
  handlers?: ClientHandlers;
  /** For connecting and, unless a call says otherwise, for calls. Default 20 000. */
  timeoutMs?: number;
}

export interface CallOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
  onProgress?: (progress: { progress: number; total?: number | undefined; message?: string | undefined }) => void;
}

/** `data` is the structured content, or the parsed text, of the result. */
export interface ToolAnswer {
  data: Record<string, unknown>;
  text: string;
  isError: boolean;
}

export interface Notification {
  method: string;
  params?: Record<string, unknown> | undefined;
}

/** One interface over both official SDKs, so that one test runs with every client. */
export interface McpClient {
  readonly kind: ClientKind;
  readonly sessionId: string | undefined;
  readonly protocolVersion: string | undefined;
  callTool(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolAnswer>;
  listTools(): Promise<string[]>;
  listResources(): Promise<string[]>;
  readResource(uri: string): Promise<string>;
  /** resources/subscribe, or subscriptions/listen in the 2026-07-28 era. */
  subscribe(uri: string): Promise<void>;
  unsubscribe(uri: string): Promise<void>;
  listPrompts(): Promise<string[]>;
  getPrompt(name: string, args?: Record<string, string>): Promise<string>;
  complete(prompt: string, argument: string, value: string): Promise<string[]>;
  setLogLevel(level: 'debug' | 'info' | 'warning' | 'error'): Promise<void>;
  ping(): Promise<void>;
  onNotification(listener: (notification: Notification) => void): void;
  /** Notifications seen so far, oldest first. */
  readonly notifications: readonly Notification[];
  /** Errors that the transport reported without a request to give them to. */
  readonly transportErrors: readonly Error[];
  /** DELETE of the session, then close. */
  terminate(): Promise<void>;
  /** Ends the connection and leaves the session alone. */
  close(): Promise<void>;
}

export const CLIENT_INFO = { name: 'holdfast-test-client', version: '1.0.0' };
export const DEFAULT_TIMEOUT_MS = 20_000;

/** Client capabilities that follow from the handlers given. */
export function capabilities(handlers: ClientHandlers): {
  sampling?: Record<string, never>;
  elicitation?: Record<string, never>;
  roots?: Record<string, never>;
} {
  return {
    ...(handlers.sampling ? { sampling: {} } : {}),
    ...(handlers.elicitation ? { elicitation: {} } : {}),
    ...(handlers.roots ? { roots: {} } : {}),
  };
}

/** The JSON-RPC code or HTTP status that an SDK's error carries; undefined when it is of another kind. */
export function errorCode(error: unknown): number | undefined {
  const { code, status } = (error ?? {}) as { code?: unknown; status?: unknown };
  if (typeof code === 'number') return code;
  return typeof status === 'number' ? status : undefined;
}
