/** One entry of `tools/list`, as far as anyone here looks at it. */
export interface ToolDescription {
  name: string;
  title?: string;
  description?: string;
  inputSchema?: unknown;
  outputSchema?: unknown;
  annotations?: Record<string, unknown>;
}
