import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';

export interface Http2Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** One POST on a connection that may carry others. Null: it ended without a whole answer, as a call that still waits at the end does. */
export function http2Post(
  connection: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders,
  body: string,
): Promise<Http2Answer | null> {
  return new Promise((resolve) => {
    let head: IncomingHttpHeaders = {};
    let text = '';
    connection
      .request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'content-length': Buffer.byteLength(body),
        ...headers,
      })
      .setEncoding('utf8')
      .once('response', (received) => {
        head = received;
      })
      .on('data', (part: string) => {
        text += part;
      })
      .once('end', () => {
        const status = Number(head[':status'] ?? 0);
        resolve(status === 0 ? null : { status, headers: head, body: text });
      })
      .once('error', () => resolve(null))
      .once('close', () => resolve(null))
      .end(body);
  });
}
