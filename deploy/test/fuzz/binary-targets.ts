import { messageType } from '../../../proto/xds/schema.ts';
import { decodeMessage } from '../../../sidecar/ext-proc/decode-message.ts';
import { FrameReader, MAX_FRAME_BYTES } from '../../../sidecar/ext-proc/unary/frames.ts';
import { AccessLogBatch } from '../../../sidecar/outcome/decode-access-log.ts';
import { readEntry } from '../../../sidecar/outcome/read-entry.ts';
import { fail, type FuzzTarget } from './fuzz-target.ts';

const request = messageType('envoy.service.ext_proc.v3.ProcessingRequest');
const PHASES = [
  'request_headers',
  'response_headers',
  'request_body',
  'response_body',
  'request_trailers',
  'response_trailers',
];

/** What a decoder makes of bytes; null: it refused them. Any other exception than a RangeError is a fault. */
function decoded<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The phase that protobufjs reads, of those that the sidecar knows; undefined when it refuses the bytes. */
function phaseOf(input: Buffer): string | null | undefined {
  try {
    const whole = request.decode(input) as unknown as Record<string, unknown>;
    return PHASES.find((phase) => Object.hasOwn(whole, phase)) ?? null;
  } catch {
    return undefined;
  }
}

function readFrames(chunks: readonly Buffer[]): string {
  const frames: string[] = [];
  const reader = new FrameReader((type, flags, stream, bytes, start, end) => {
    if (end - start > MAX_FRAME_BYTES) fail('a frame beyond the limit');
    frames.push(`${type} ${flags} ${stream} ${bytes.toString('latin1', start, end)}`);
  });
  let error: number | undefined;
  for (const chunk of chunks) {
    if (chunk.length > 0) error = reader.push(chunk);
    if (error !== undefined) break;
  }
  return `${frames.join('|')} ${error}`;
}

/** Bytes of Envoy: HTTP/2 frames, ext_proc messages, batches of access logs. */
export const BINARY_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  /** The frames do not depend on where the bytes are cut. */
  frames(input, cut) {
    if (readFrames([input]) !== readFrames([input.subarray(0, cut), input.subarray(cut)]))
      fail(`cut at ${cut} changes the frames`);
  },
  /** Bytes are read or refused. Where protobufjs finds no phase, neither do we, and the reverse. */
  extProc(input) {
    const message = decoded(() => decodeMessage(input));
    const phase = message && phaseOf(input);
    if (message === null || phase === undefined) return;
    if ((phase === null) !== (message.kind === null)) fail(`protobufjs finds ${phase}, we find ${message.kind}`);
  },
  /** A batch is read or refused, and so is each of its entries. */
  accessLog(input) {
    const batch = decoded(() => new AccessLogBatch(input));
    if (batch === null) return;
    for (let at = 0; at < batch.length; at++) {
      const { kind } = readEntry(batch.entry(at), () => null);
      if (!['outcome', 'malformed', 'foreign', 'relay'].includes(kind)) fail(`an entry is ${kind}`);
    }
  },
};
