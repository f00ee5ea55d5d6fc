import { fail, type FuzzTarget } from './fuzz-target.ts';
import { messagesOf, readRpcBody } from '../../../proto/json-rpc.ts';
import { formatSessionId, parseSessionId } from '../../../proto/session-id.ts';
import { BINARY_TARGETS } from './binary-targets.ts';
import { STATE_TARGETS } from './state-targets.ts';
import { SseReader, type SseEvent } from '../../../proto/sse-reader.ts';

function readSse(chunks: Buffer[], limit: number): { events: SseEvent[]; passed: number; partial: boolean } {
  const events: SseEvent[] = [];
  let passed = 0;
  const reader = new SseReader(
    {
      event: (event) => events.push(event),
      oversize: (bytes) => {
        passed += bytes.length;
      },
    },
    limit,
  );
  for (const chunk of chunks) reader.push(chunk);
  return { events, passed, partial: reader.hasPartial };
}
const said = (events: SseEvent[]) =>
  events
    .map((event) => `${event.name}|${event.data?.toString('latin1') ?? '-'}|${event.id ?? '-'}`)
    .filter((text) => text !== 'message|-|-')
    .join('\n');

export const FUZZ_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  ...BINARY_TARGETS,
  ...STATE_TARGETS,
  /** The events don't depend on where the stream is cut, and nothing is passed on that did not come. */
  sse(input, cut) {
    const whole = readSse([input], 1 << 20),
      parts = readSse([input.subarray(0, cut), input.subarray(cut)], 1 << 20);
    if (said(whole.events) !== said(parts.events)) fail(`cut at ${cut} changes the events`);
    // where line ends are mixed, a CR at the end of a chunk may get an LF that was not its own
    if (whole.events.reduce((sum, event) => sum + event.raw.length, 0) > input.length + whole.events.length)
      fail('more came out than went in');
    const small = readSse([input.subarray(0, cut), input.subarray(cut)], 16);
    if (small.passed + small.events.reduce((sum, event) => sum + event.raw.length, 0) > input.length + 2)
      fail('more passed unread than came');
  },
  /** Where JSON.parse accepts, the classification is that of JSON.parse; where it doesn't, nothing is thrown. */
  jsonRpc(input) {
    const body = readRpcBody(input),
      text = input.toString();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    if (text.includes('\ufffd') || value === null || typeof value !== 'object') return;
    if (Array.isArray(value)) {
      if (value.length > 0 && value.length <= 1000 && messagesOf(body).length !== value.length)
        fail('lost a message of a batch');
      return;
    }
    if (body.kind !== 'single') fail('an object is no single message');
    const method: unknown = Object.hasOwn(value, 'method') ? (value as { method: unknown }).method : null,
      id: unknown = Object.hasOwn(value, 'id') ? (value as { id: unknown }).id : null;
    if (typeof method === 'string' && method.length < 20 && body.message.method !== method) fail('another method');
    if (
      ((typeof id === 'number' && Number.isFinite(id)) || (typeof id === 'string' && id.length < 100)) &&
      body.message.id !== id
    )
      fail('another id');
  },
  /** What is read as a session id is written back the same. */
  sessionId(input) {
    const text = input.toString('latin1'),
      id = parseSessionId(text);
    if (id && formatSessionId(id) !== text) fail('does not come back');
  },
};
