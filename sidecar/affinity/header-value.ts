const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** What an `Mcp-Name` or `Mcp-Param-*` header says: values that are no plain ASCII come as `=?base64?…?=`. */
export function headerValue(raw: string): string {
  const encoded = SENTINEL.exec(raw)?.[1];
  return encoded === undefined ? raw : Buffer.from(encoded, 'base64').toString();
}
