import { request as httpRequest } from 'node:http';

/** For tests: a client of the server `linear` that goes away within some milliseconds after its request. Resolves when its connection is closed. */
export function abandonRequest(port: number, body: Buffer | string, sessionId: string | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/mcp/linear',
    agent: false,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(sessionId !== undefined && { 'mcp-session-id': sessionId }),
    },
  });
  request
    .on('error', () => {})
    .once('close', resolve)
    .once('response', (response) => {
      response.resume();
    });
  request.once('socket', (socket) => {
    socket.once('connect', () => {
      setTimeout(() => request.destroy(), Math.random() * 4);
    });
  });
  request.end(body);
  return promise;
}
