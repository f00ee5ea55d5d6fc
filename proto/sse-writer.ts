/** A comment that keeps idle connections open; clients ignore it. */
export const SSE_KEEPALIVE = Buffer.from(': keepalive\n\n');

/** One event: `data` may have any line ends; name and id must have none (they are cut at the first). */
export function sseEvent(data: string, options: { name?: string; id?: string } = {}): string {
  const lines = data.split(/\r\n|\r|\n/);
  const head =
    (options.name === undefined ? '' : `event: ${firstLine(options.name)}\n`) +
    (options.id === undefined ? '' : `id: ${firstLine(options.id)}\n`);
  return `${head}${lines.map((line) => `data: ${line}\n`).join('')}\n`;
}

/** A JSON-RPC message as official servers send it. */
export const sseMessage = (message: unknown): string => sseEvent(JSON.stringify(message), { name: 'message' });

const firstLine = (text: string): string => /^[^\r\n\0]*/.exec(text)?.[0] ?? '';
