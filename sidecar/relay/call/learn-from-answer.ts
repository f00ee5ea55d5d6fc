import { detach } from '../../../proto/detach.ts';
import type { RpcMessage } from '../../../proto/json-rpc.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import type { Change } from '../../session/session-store.ts';
import { withSubscription } from '../../session/subscriptions.ts';
import type { RelayContext } from '../relay-context.ts';

/** What an answered request changes of what the mesh knows: the session's level and subscriptions, and the server's tools. */
export function learnFromAnswer(
  ctx: RelayContext,
  server: string,
  digest: string | null,
  asked: RpcMessage,
  answer: RpcMessage,
  data: Buffer,
): void {
  if (answer.errorCode !== null) return;
  if (asked.method === 'tools/list') return learnTools(ctx, server, data);
  if (digest === null) return;
  const change = changeOf(asked);
  if (change) detach(ctx.directory.amend(server, digest, change), (error) => ctx.internalError('relay', error));
}

function learnTools(ctx: RelayContext, server: string, data: Buffer): void {
  ctx.tools.learn(server, parseJsonObject(data)?.['result']);
}

/** What a successful request changes of its session's record; null when nothing. */
export function changeOf({ method, uri, level }: RpcMessage): Change | null {
  if (method === 'logging/setLevel' && level !== null) return (record) => ({ ...record, logLevel: level });
  if (method === 'resources/subscribe' && uri !== null)
    return (record) =>
      record.subscriptions.includes(uri)
        ? record
        : { ...record, subscriptions: withSubscription(record.subscriptions, uri) };
  if (method === 'resources/unsubscribe' && uri !== null)
    return (record) => ({ ...record, subscriptions: record.subscriptions.filter((each) => each !== uri) });
  return null;
}
