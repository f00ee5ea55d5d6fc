import { parseJson, parseJsonObject } from '../../../proto/parse-json.ts';
import type { RpcId } from '../../../proto/rpc-error.ts';

/**
 * Ids of server→client requests (sampling, elicitation, roots) start at 0 again in a new process. After a move the id alone doesn't say
 * which request a late answer belongs to. From the first move on, the relay therefore stamps the epoch on those ids on their way down and
 * takes it off the answers. An answer without the stamp of the present epoch was meant for an upstream session that is over. This needs no
 * memory and works on any gateway.
 */
const PREFIX = 'holdfast:';
const STAMPED = /^holdfast:\d+:(.*)$/s;

interface Message {
  id?: RpcId;
  method?: string;
  params?: Record<string, unknown>;
}

const stamp = (epoch: number, id: unknown): string => `${PREFIX}${epoch}:${JSON.stringify(id)}`;

/** The JSON text of an id as the server gave it, whether it is stamped or not; equal ids have equal texts. */
export function plainIdText(idText: string): string {
  const id = parseJson(idText);
  const stamped = typeof id === 'string' ? STAMPED.exec(id)?.[1] : undefined;
  const plain = stamped === undefined ? id : parseJson(stamped);
  return plain === undefined ? idText : JSON.stringify(plain);
}

/** A message of the server, its own request ids stamped: requests, and the cancellation of one. Undefined when it has none. */
export function stampServerMessage(data: Buffer, epoch: number): string | undefined {
  const message = parseJsonObject(data) as Message | undefined;
  if (message?.method === undefined) return undefined;
  if (message.id !== undefined) return JSON.stringify({ ...message, id: stamp(epoch, message.id) });
  if (message.method === 'notifications/cancelled' && message.params?.requestId !== undefined)
    return JSON.stringify({
      ...message,
      params: { ...message.params, requestId: stamp(epoch, message.params.requestId) },
    });
  return undefined;
}

/** The client's answers with the server's own ids, without those that a dead upstream session asked for. Null when nothing is left to send. */
export function unstampAnswers(body: Buffer, epoch: number): Buffer | null {
  const value = parseJson(body) as Message | (Message | null)[] | null | undefined;
  if (value === null || value === undefined) return null;
  if (!Array.isArray(value)) {
    const own = unstamp(value, epoch);
    return own === null ? null : Buffer.from(JSON.stringify(own));
  }
  const left = value.map((message) => unstamp(message, epoch)).filter((message) => message !== null);
  return left.length === 0 ? null : Buffer.from(JSON.stringify(left));
}

function unstamp(message: Message | null, epoch: number): Message | null {
  if (message === null || typeof message !== 'object') return null;
  if (message.method !== undefined) return message;
  const begin = `${PREFIX}${epoch}:`;
  if (typeof message.id !== 'string' || !message.id.startsWith(begin)) return null;
  const id = parseJson(message.id.slice(begin.length));
  return typeof id === 'string' || typeof id === 'number' ? { ...message, id } : null;
}
