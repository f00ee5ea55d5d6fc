import { SseReader } from '../../proto/sse-reader.ts';
import type { Reply } from './http-send.ts';

export interface RpcAnswer {
  result?: Record<string, unknown>;
  error?: { code: number; message: string };
}

/** Longest answer of a probe that is read; lists of tools are far smaller. */
const LIMIT_BYTES = 8 << 20;

/** The JSON-RPC answer with this id, from a JSON body or from the first matching event of an SSE body; null when there is none. What follows in the stream stays unread. */
export async function rpcAnswer(reply: Reply, id: number): Promise<RpcAnswer | null> {
  try {
    const isStream = String(reply.headers['content-type'] ?? '').startsWith('text/event-stream');
    return isStream ? await fromEvents(reply.body, id) : answerIn(await whole(reply.body), id);
  } finally {
    reply.discard();
  }
}

async function fromEvents(body: AsyncIterable<Buffer>, id: number): Promise<RpcAnswer | null> {
  let found: RpcAnswer | null = null;
  const reader = new SseReader(
    {
      event: ({ data }) => {
        if (data && !found) found = answerIn(data.toString(), id);
      },
      oversize: () => {},
    },
    LIMIT_BYTES,
  );
  for await (const chunk of body) {
    reader.push(chunk);
    if (found) break;
  }
  return found;
}

async function whole(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if ((bytes += chunk.length) > LIMIT_BYTES) return '';
    pieces.push(chunk);
  }
  return Buffer.concat(pieces).toString();
}

function answerIn(text: string, id: number): RpcAnswer | null {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof message !== 'object' || message === null) return null;
  const {
    id: answered,
    result,
    error,
  } = message as { id?: unknown; result?: Record<string, unknown>; error?: RpcAnswer['error'] };
  if (answered === id && result !== undefined) return { result };
  // An error without an id answers a request that the server would not read.
  return (answered === id || answered === null || answered === undefined) && error ? { error } : null;
}
