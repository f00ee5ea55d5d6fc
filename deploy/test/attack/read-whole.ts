import type { IncomingMessage } from 'node:http';

/** The whole body as text; nothing is called when the request breaks off. */
export function readWhole(request: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => done(Buffer.concat(chunks).toString('utf8')));
  request.on('error', () => undefined);
}
