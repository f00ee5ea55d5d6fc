import type { Connection } from './http-send.ts';
import type { Observation } from './observation.ts';

/** GET of a path: any 2xx is healthy. */
export async function httpProbe(
  connection: Connection,
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal,
  elapsed: () => number,
): Promise<Observation> {
  const reply = await connection.send({ method: 'GET', path, headers, signal });
  reply.discard();
  if (reply.status >= 200 && reply.status < 300)
    return { kind: 'answered', eras: [], session: 'none', tools: null, note: null, durationMs: elapsed() };
  return { kind: 'wrong', detail: `GET ${path}: HTTP ${reply.status}`, session: 'none', durationMs: elapsed() };
}
