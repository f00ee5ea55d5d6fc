import { isEventStream, withoutByteOrderMark } from '../../proto/http/answer-form.ts';
import { parseJsonObject, type Json } from '../../proto/parse-json.ts';
import { SseReader } from '../../proto/sse-reader.ts';
import type { Reply } from './http-send.ts';

export interface RpcAnswer {
  result?: Record<string, unknown>;
  error?: { code: number; message: string };
}

/** Longest answer of a probe that is read; lists of tools are far smaller. */
const LIMIT_BYTES = 8 << 20;
/** What a replica says of an error goes into logs, events and answers of the admin API. */
const MAX_ERROR_TEXT = 300;

/** The JSON-RPC answer with this id, from a JSON body or from the first matching event of an SSE body; null when there is none. What follows in the stream stays unread. */
export async function rpcAnswer(reply: Reply, id: number): Promise<RpcAnswer | null> {
  try {
    const isStream = isEventStream(reply.headers['content-type']);
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
    bytes += chunk.length;
    if (bytes > LIMIT_BYTES) return '';
    pieces.push(chunk);
  }
  return withoutByteOrderMark(Buffer.concat(pieces)).toString();
}

function answerIn(text: string, id: number): RpcAnswer | null {
  const message = parseJsonObject(text);
  if (!message) return null;
  const { id: answered, result, error } = message;
  if (answered === id && isObject(result)) return { result };
  // An error without an id answers a request that the server would not read.
  const isOurs = answered === id || answered === null || answered === undefined;
  return isOurs && isObject(error) ? { error: errorIn(error) } : null;
}

const isObject = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function errorIn({ code, message }: { [key: string]: Json }): { code: number; message: string } {
  return {
    code: typeof code === 'number' ? code : 0,
    message: typeof message === 'string' ? message.slice(0, MAX_ERROR_TEXT) : '',
  };
}
