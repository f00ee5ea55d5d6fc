import { COMPACT_FIELD, encodeCompact } from '../../../proto/compact-record.ts';
import { RECORD_VERSION, type SessionRecord } from '../../../proto/session-record.ts';
import { decodeRecord } from '../../../sidecar/session/record-codec.ts';
import { StoreError } from '../../../sidecar/session/store-error.ts';
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

/** A Redis hash, as lines of a field, a space and its value. */
function fieldsOf(input: Buffer): Record<string, Buffer> {
  const lines = input.toString('latin1').split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.indexOf(' ');
      return end < 0 ? [line, Buffer.alloc(0)] : [line.slice(0, end), Buffer.from(line.slice(end + 1), 'latin1')];
    }),
  );
}

/** Bytes of Envoy: HTTP/2 frames, ext_proc messages, batches of access logs; and of Redis: session records. */
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
  /** A record is read or refused. One that has a principal in its hash never comes without one, and what was read is written as it was. */
  sessionRecord(input) {
    const { shared, ...hash } = fieldsOf(input),
      principal = hash[COMPACT_FIELD.principal];
    let record: SessionRecord;
    try {
      record = decodeRecord('s', 'd', hash, shared?.toString() ?? null);
    } catch (error) {
      if (error instanceof StoreError) return;
      throw error;
    }
    if (hash['record'] || record.isTombstone || record.version > RECORD_VERSION) return;
    if (principal && !hash[COMPACT_FIELD.more] && record.principal !== principal.toString('hex'))
      fail('the principal is another one');
    const written = encodeCompact(record),
      again: Record<string, Buffer> = {},
      keys = ['principal', 'credentials'] as const;
    for (const [field, value] of written.fields)
      again[field] = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
    const beside = { epoch: record.epoch, slot: record.slot, at: record.lastActivityMs, version: RECORD_VERSION };
    for (const [field, value] of Object.entries(beside)) again[field] = Buffer.from(String(value));
    const back = decodeRecord('s', 'd', again, written.shared.text);
    for (const key of keys) if (back[key] !== record[key]) fail(`${key} changes`);
  },
};
