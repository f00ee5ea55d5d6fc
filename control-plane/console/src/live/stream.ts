import { batch, signal } from '@preact/signals';
import { ApiError, call, needsToken, token } from './api.ts';
import { apply, lastEventId } from './state.ts';

export type Connection = { kind: 'connecting' } | { kind: 'live' } | { kind: 'lost'; why: string };
export const connection = signal<Connection>({ kind: 'connecting' });

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;
/** The mesh says something each second; so much silence is a connection that is gone. */
const SILENCE_MS = 10_000;

/** One block of an event stream: its name and its data. Undefined for comments and for what is no JSON. */
function readBlock(block: string): { event: string; data: unknown } | undefined {
  let event = 'message',
    data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (data === '') return undefined;
  try {
    return { event, data: JSON.parse(data) as unknown };
  } catch {
    return undefined;
  }
}

async function read(signal: AbortSignal, onBlock: () => void): Promise<void> {
  const after = lastEventId();
  const response = await call(`/v1/live${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`, {
    signal,
  });
  connection.value = { kind: 'live' };
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) return;
    onBlock();
    const blocks = (rest + piece.value).split('\n\n');
    rest = blocks.pop() ?? '';
    batch(() => {
      for (const message of blocks.map(readBlock)) if (message) apply(message.event, message.data);
    });
  }
}

/** Follows the mesh for as long as the page is open, and comes back by itself. */
export async function follow(): Promise<never> {
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    const end = new AbortController();
    let timer = setTimeout(() => end.abort(new Error('nothing was heard for 10 s')), SILENCE_MS);
    try {
      await read(end.signal, () => {
        waitMs = FIRST_WAIT_MS;
        clearTimeout(timer);
        timer = setTimeout(() => end.abort(new Error('nothing was heard for 10 s')), SILENCE_MS);
      });
      connection.value = { kind: 'lost', why: 'the control plane ended the stream' };
    } catch (error) {
      const why = error instanceof ApiError ? error.message : 'the control plane does not answer';
      connection.value = { kind: 'lost', why };
    } finally {
      clearTimeout(timer);
    }
    if (needsToken.value) await newToken();
    else await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** Until a token was entered. */
const newToken = (): Promise<void> =>
  new Promise((resolve) => {
    const before = token.value;
    const stop = token.subscribe((now) => {
      if (now === before || now === null) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
