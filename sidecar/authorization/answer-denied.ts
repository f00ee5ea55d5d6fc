import type { IncomingMessage } from 'node:http';
import type { RpcBody } from '../../proto/json-rpc.ts';
import type { ClientAnswer } from '../relay/client/client-answer.ts';
import type { Access } from './access.ts';

interface Denied {
  isSseMessage: boolean;
  incoming: Pick<IncomingMessage, 'headers'>;
}

/**
 * The answer to what the rules refuse: a result with status 200, because a 403 ends the whole session of some SDKs. It
 * is a 403 where the client is to log in again, and where nobody waits for an answer. On HTTP+SSE it is a 403 too,
 * because answers come on another stream there.
 */
export function answerDenied(
  { errors, challenge }: Extract<Access, { is: 'denied' }>,
  { isSseMessage, incoming }: Denied,
  client: Pick<ClientAnswer, 'errors' | 'errorResults'>,
  rpc: RpcBody,
): void {
  const isBatch = rpc.kind === 'batch',
    isWaitedFor = errors.some(({ id }) => id !== null);
  if (challenge !== null) client.errors(403, errors, isBatch, { 'www-authenticate': challenge });
  else if (isSseMessage || !isWaitedFor) client.errors(403, errors, isBatch);
  else client.errorResults(errors, isBatch, incoming);
}
