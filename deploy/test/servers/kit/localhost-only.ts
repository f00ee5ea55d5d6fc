import type { IncomingMessage, ServerResponse } from 'node:http';
import { rpcFailure } from './http-answer.ts';

const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Answers 403 to a foreign Host or Origin, as servers on a user's machine do against DNS rebinding. True: answered. */
export function refuseForeign({ headers }: IncomingMessage, response: ServerResponse): boolean {
  const { host, origin } = headers;
  if (isLocal(`http://${host ?? ''}`) && (origin === undefined || isLocal(origin))) return false;
  rpcFailure(response, 403, -32000, 'Invalid Host or Origin: this server answers to localhost only');
  return true;
}

function isLocal(origin: string): boolean {
  return URL.canParse(origin) && LOCAL.has(new URL(origin).hostname);
}
