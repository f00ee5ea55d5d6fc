import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** What Node's fetch says of a request on its channels. */
interface Sent {
  request: Asked;
  socket: Socket;
}
interface Broken {
  request: Asked;
  error: Error & { code?: string };
}
interface Asked {
  method?: string;
  path?: string;
}
const SENT = 'undici:client:sendHeaders',
  BROKEN = 'undici:request:error';
const CONNECTIONS = '/proc/net/nf_conntrack';

/**
 * Notes, for each POST of this process that got no answer, what became of its connection, and to which pod the kernel led it.
 * `fetch failed` says neither.
 */
export class FailedSockets {
  readonly lines: string[] = [];
  readonly #fromMs = Date.now();
  readonly #sent = new WeakMap<Asked, { atMs: number; port: number; bytesRead: number }>();
  readonly #onSent = (message: unknown): void => {
    const { request, socket } = message as Sent;
    this.#sent.set(request, { atMs: Date.now(), port: socket.localPort ?? 0, bytesRead: socket.bytesRead });
  };
  readonly #onBroken = (message: unknown): void => {
    const { request, error } = message as Broken;
    if (request.method !== 'POST') return;
    const sent = this.#sent.get(request);
    const nowMs = Date.now();
    const way =
      sent === undefined
        ? 'without a connection'
        : `port ${sent.port}, ${nowMs - sent.atMs} ms after it was sent, ${sent.bytesRead} bytes read before; ${tracked(sent.port)}`;
    this.lines.push(
      `${((nowMs - this.#fromMs) / 1000).toFixed(1)} s: POST ${request.path}: ${error.code ?? ''} ${error.message}, ${way}`,
    );
  };

  constructor() {
    subscribe(SENT, this.#onSent);
    subscribe(BROKEN, this.#onBroken);
  }

  close(): void {
    unsubscribe(SENT, this.#onSent);
    unsubscribe(BROKEN, this.#onBroken);
  }
}

/** What the kernel knows of connections from this port: their state, and the pod behind the Service. */
function tracked(port: number): string {
  try {
    const lines = readFileSync(CONNECTIONS, 'utf8').split('\n');
    return (
      lines
        .filter((line) => line.includes(`sport=${port} `))
        .join(' | ')
        .replace(/ +/g, ' ') || 'not tracked'
    );
  } catch (error) {
    return (error as Error).message;
  }
}
