import { get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Named in the error; a function is asked when the time is over. */
  what: string | (() => string);
  timeoutMs?: number;
  everyMs?: number;
  signal?: AbortSignal;
}

/** Asks again and again until the answer is neither undefined nor false, and gives it back; a throw counts as “not yet”. Rejects after `timeoutMs`. */
export async function waitFor<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { what, timeoutMs = 60_000, everyMs = 20, signal }: WaitOptions,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= endMs)
      throw new Error(`${typeof what === 'string' ? what : what()}: not within ${timeoutMs / 1000} s`, { cause: last });
    await sleep(everyMs);
  }
}

/** Whether somebody accepts connections there. */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** GET on a connection of its own; undefined when there is no answer within `timeoutMs`. */
export function httpGet(url: string, timeoutMs = 5000): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.once('error', () => resolve(undefined));
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(undefined));
  });
}

export const answers = async (url: string, status = 200): Promise<boolean> => (await httpGet(url))?.status === status;
