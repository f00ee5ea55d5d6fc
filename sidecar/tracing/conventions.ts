/**
 * Names of attributes and spans. `otel`: by OpenTelemetry's semantic conventions for MCP
 * (github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md) and those that they refer to. The others are Holdfast's own.
 */
export const ATTRIBUTE = {
  method: 'mcp.method.name',
  sessionDigest: 'mcp.session.id',
  protocolVersion: 'mcp.protocol.version',
  resourceUri: 'mcp.resource.uri',
  requestId: 'jsonrpc.request.id',
  operation: 'gen_ai.operation.name',
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  errorType: 'error.type',
  rpcStatus: 'rpc.response.status_code',
  httpMethod: 'http.request.method',
  httpStatus: 'http.response.status_code',
  resendCount: 'http.request.resend_count',
  protocolName: 'network.protocol.name',
  transport: 'network.transport',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  user: 'enduser.id',
  server: 'holdfast.server',
  mode: 'holdfast.mode',
  outcome: 'holdfast.outcome',
  durationMs: 'holdfast.duration_ms',
  slot: 'holdfast.slot',
  backend: 'holdfast.backend',
  neighbour: 'holdfast.neighbour',
  delivery: 'holdfast.delivery',
  breakerLevel: 'holdfast.breaker.level',
  breakerKey: 'holdfast.breaker.key',
  waitedFor: 'holdfast.wait.for',
  recoveryReason: 'holdfast.recovery.reason',
  recoveryResult: 'holdfast.recovery.result',
} as const;

export const SPAN = { recovery: 'holdfast.recovery', wait: 'holdfast.wait' } as const;
export const EXECUTE_TOOL = 'execute_tool';
export const BREAKER_EVENT = 'holdfast.breaker.rejected';

/** The tool of `tools/call` is what the client wrote: a longer one is cut. */
const MAX_TARGET = 128;

/** `{mcp.method.name} {target}`. */
export const spanName = (method: string, target: string | null): string =>
  target === null || target === '' ? method : `${method} ${target.slice(0, MAX_TARGET)}`;
