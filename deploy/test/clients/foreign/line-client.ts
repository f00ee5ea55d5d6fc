/** What a client's user can see of an error: `data` is that of the JSON-RPC error, null where the client hides it. */
export interface HeardError {
  type: string;
  code: number | null;
  message: string;
  data: unknown;
}

export type Heard = { result: unknown } | { error: HeardError };

/** The little that the official clients of all languages have in common. No method rejects. */
export interface LineClient {
  call(tool: string, args?: Record<string, unknown>): Promise<Heard>;
  tools(): Promise<Heard>;
  close(): Promise<void>;
}
