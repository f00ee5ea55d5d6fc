import { eachMember, readString, skipSpace } from '../../proto/json-scan.ts';

/** Where a span stands in a trace (W3C Trace Context). */
export interface TraceContext {
  traceId: string;
  spanId: string;
  /** Whoever made the parent keeps it. */
  isSampled: boolean;
  /** `tracestate` as it came; null when there was none. */
  state: string | null;
}

/** A context in `params._meta` (SEP-414), and where in the body its `traceparent` stands. */
export interface MetaContext {
  context: TraceContext;
  /** Offset of the first byte within the quotes. */
  at: number;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACEPARENT_BYTES = 55;
const MAX_STATE_BYTES = 512;
/** From `_meta` it comes as JSON text, which may hold what no header can. */
const STATE = /^[\x20-\x7e]+$/;
/** A longer body is not searched for a context: its headers say enough. */
const MAX_SEARCHED_BYTES = 1 << 20;
const OPEN_OBJECT = 0x7b;
const NEEDLE = Buffer.from('"traceparent"');

/** Null for what the specification calls invalid: other lengths, ids of zeros, version ff. */
export function readTraceparent(text: string | undefined, state: string | undefined): TraceContext | null {
  if (text === undefined || text.length < TRACEPARENT_BYTES) return null;
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  const isStateFit = state !== undefined && state.length <= MAX_STATE_BYTES && STATE.test(state);
  return { traceId, spanId, isSampled: (parseInt(flags, 16) & 1) === 1, state: isStateFit ? state : null };
}

export const traceparentOf = ({ traceId, spanId, isSampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;

/** The context that a single message's `params._meta` holds; null without one. */
export function readMetaContext(body: Buffer): MetaContext | null {
  if (body.length > MAX_SEARCHED_BYTES || !body.includes(NEEDLE)) return null;
  const found: { text?: string; at?: number; state?: string } = {};
  const meta = (key: string, start: number, end: number): void => {
    if (key === 'traceparent' && end - start === TRACEPARENT_BYTES + 2) {
      found.text = readString(body, start, end, TRACEPARENT_BYTES) ?? '';
      found.at = start + 1;
    }
    if (key === 'tracestate') found.state = readString(body, start, end, MAX_STATE_BYTES) ?? '';
  };
  eachMember(
    body,
    skipSpace(body, 0),
    () => undefined,
    undefined,
    (key) =>
      key !== 'params'
        ? null
        : (params, depth) =>
            eachMember(
              body,
              params,
              () => undefined,
              depth,
              (inner) =>
                inner === '_meta' && body[params] === OPEN_OBJECT
                  ? (at, left) => eachMember(body, at, meta, left)
                  : null,
            ),
  );
  const context = readTraceparent(found.text, found.state);
  return context && found.at !== undefined ? { context, at: found.at } : null;
}

/** The body with another `traceparent` in its `_meta`; every other byte stays where it was. */
export function withMetaContext(body: Buffer, at: number, context: TraceContext): Buffer {
  const copy = Buffer.from(body);
  copy.write(traceparentOf(context), at, TRACEPARENT_BYTES, 'latin1');
  return copy;
}

/** Headers (flat list) with this context instead of the one in them. */
export function withTraceHeaders(headers: readonly string[], context: TraceContext): string[] {
  const others: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const lower = name.toLowerCase();
    if (lower !== 'traceparent' && lower !== 'tracestate') others.push(name, headers[i + 1] ?? '');
  }
  others.push('traceparent', traceparentOf(context));
  if (context.state !== null) others.push('tracestate', context.state);
  return others;
}

/**
 * The parent of a request's span. `_meta` says what the client meant; a header of the same trace was set by a proxy on the way, and is nearer. Where
 * they name two traces the header becomes a link.
 */
export function parentOf(
  header: TraceContext | null,
  meta: TraceContext | null,
): { parent: TraceContext | null; link: TraceContext | null } {
  if (meta === null || header?.traceId === meta.traceId) return { parent: header ?? meta, link: null };
  return { parent: meta, link: header };
}
