import { detach } from '../../proto/detach.ts';
import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { EMPTY_STREAM, isSettled, nextPush, receive, type DeltaStream } from './delta-stream.ts';
import type { Verdict } from './delta-subscription.ts';
import { encodePush, readRequest, type WireRequest } from './delta-wire.ts';
import { hostOf, plainHost } from '../../proto/identity/host.ts';
import { readCertificateNames } from '../../proto/identity/certificate-names.ts';
import type { Peer } from '../membership/peer.ts';
import { readNode, type NodeInfo } from './node-info.ts';
import type { Resources } from './resource.ts';
import { shortType, type XdsMetrics } from './xds-metrics.ts';

/** gRPC's status codes. */
const INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  PERMISSION_DENIED = 7,
  RESOURCE_EXHAUSTED = 8,
  INTERNAL = 13;
/** All that somebody hears who is not believed: nothing of who is there, nor of what was missing. */
const NOT_ADMITTED = 'not admitted to this mesh; the log of the control plane says why';

/** A client may name this many types, and names over all of them; more is a broken client, and would cost memory without bound. */
const MAX_TYPES = 32;
const MAX_NAMES = 100_000;
/** Of a name, a type, a version or a node's id, in characters. */
const MAX_NAME_LENGTH = 1024;
/** A stream that does not say who it is within this time is ended. */
const GREETING_MS = 10_000;

export interface Refusal {
  node: NodeInfo;
  typeUrl: string;
  resources: readonly string[];
  reason: string;
  isFinal: boolean;
}
export interface AdsStreamHooks {
  /** The first request told who it is. Whether it is believed; false ends the stream. */
  admit(node: NodeInfo, peer: Peer): boolean;
  /** The first request told who it is. Gives the node's present resources, if there are any yet. */
  onNode(stream: AdsStream, node: NodeInfo): Resources | undefined;
  onRefusal(refusal: Refusal): void;
  /** An ACK was the last one due: the client has what `resources` say. */
  onSettled(node: NodeInfo, resources: Resources): void;
  /** A stream ended that had said who it is. */
  onEnd(stream: AdsStream, node: NodeInfo): void;
  /** A bug of ours met this stream; it has been ended, and the client comes again. */
  onFailure(error: unknown): void;
}

/** One ADS stream: feeds requests and snapshots to the pure state, and writes what it says as fast as the client takes it. */
export interface AdsStream {
  readonly node: NodeInfo | null;
  readonly peer: Peer;
  /** From now on these are the node's resources. A client that is slow gets only the latest. */
  update(resources: Resources): void;
  end(): void;
}

type Call = ServerDuplexStream<WireRequest, Buffer>;

/** `greeting`: empty response headers. */
export function openAdsStream(
  call: Call,
  hooks: AdsStreamHooks,
  metrics: XdsMetrics,
  nowMs: () => number,
  greeting: Metadata,
): AdsStream {
  let state: DeltaStream = EMPTY_STREAM,
    resources: Resources | undefined,
    node: NodeInfo | null = null;
  const peer = peerOf(call);
  let isBlocked = false,
    isOver = false,
    wake: NodeJS.Timeout | undefined;

  /** Whatever the library calls ends at most this one stream. */
  const guarded =
    <A extends unknown[]>(act: (...args: A) => void) =>
    (...args: A): void => {
      try {
        act(...args);
      } catch (error) {
        hooks.onFailure(error);
        refuse(INTERNAL, 'the control plane failed at this stream');
      }
    };
  const flush = guarded(() => {
    clearTimeout(wake);
    while (resources && !isBlocked && !isOver) {
      const next = nextPush(state, resources, nowMs());
      state = next.stream;
      if (!next.push) {
        if (next.wakeAtMs !== null) wake = setTimeout(flush, Math.max(1, next.wakeAtMs - nowMs())).unref();
        return;
      }
      const bytes = encodePush(next.push);
      metrics.pushed(shortType(next.push.typeUrl), bytes.length, next.push.send.length, next.push.remove.length);
      isBlocked = !call.write(bytes);
    }
  });
  const over = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(wake);
    clearTimeout(greetingTimer);
    const known = node;
    if (known) detach(() => hooks.onEnd(stream, known), hooks.onFailure);
  };
  const refuse = (code: number, details: string) => {
    if (isOver) return;
    over();
    call.emit('error', { code, details });
  };
  const greetingTimer = setTimeout(() => {
    if (!node) refuse(DEADLINE_EXCEEDED, `a client must say who it is within ${GREETING_MS} ms`);
  }, GREETING_MS).unref();
  /** The first request says who the client is. Null when the stream was refused. */
  const greet = (wire: WireRequest): NodeInfo | null => {
    if (!wire.node?.id) {
      refuse(INVALID_ARGUMENT, 'the first request of an ADS stream must carry node.id');
      return null;
    }
    const claimed = readNode(wire.node);
    if (!hooks.admit(claimed, peer)) {
      refuse(PERMISSION_DENIED, NOT_ADMITTED);
      return null;
    }
    node = claimed;
    // Headers are sent at once. A client that has everything gets nothing else, and must know that the server is there.
    call.sendMetadata(greeting);
    resources = hooks.onNode(stream, claimed) ?? resources;
    return claimed;
  };
  /** Counts an ACK or NACK, and reports what was refused. */
  const noteVerdict = (from: NodeInfo, typeUrl: string, verdict: Verdict): void => {
    if (verdict.kind === 'none') return;
    metrics.answered(shortType(typeUrl), verdict.kind);
    if (verdict.kind !== 'nack') return;
    const { resources: refused, reason, isFinal } = verdict;
    hooks.onRefusal({ node: from, typeUrl, resources: refused, reason, isFinal });
  };
  const onData = (wire: WireRequest) => {
    if (isOver) return;
    if (hasLongNames(wire)) return refuse(INVALID_ARGUMENT, `a name has at most ${MAX_NAME_LENGTH} characters`);
    const from = node ?? greet(wire);
    if (!from) return;
    const typeUrl = wire.type_url ?? '';
    if (!typeUrl) return refuse(INVALID_ARGUMENT, 'a request on an ADS stream must carry type_url');
    const { stream: after, verdict } = receive(state, typeUrl, readRequest(wire));
    state = after;
    if (state.subscriptions.size > MAX_TYPES || namesOf(state) > MAX_NAMES)
      return refuse(RESOURCE_EXHAUSTED, `more than ${MAX_TYPES} types or ${MAX_NAMES} names subscribed`);
    noteVerdict(from, typeUrl, verdict);
    flush();
    if (verdict.kind === 'ack' && resources && isSettled(state, resources)) hooks.onSettled(from, resources);
  };
  const stream: AdsStream = {
    get node() {
      return node;
    },
    peer,
    update(latest) {
      resources = latest;
      flush();
    },
    end() {
      over();
      call.end();
    },
  };

  call.on('data', guarded(onData));
  call.on('drain', () => {
    isBlocked = false;
    flush();
  });
  // A cancelled grpc-js stream fires `cancelled`, a half-closed one `end`, a broken one `error`: each is the end of it.
  call.on('end', () => {
    over();
    call.end();
  });
  call.on('cancelled', over);
  call.on('error', over);
  return stream;
}

function hasLongNames(wire: WireRequest): boolean {
  const isLong = (text: string | undefined): boolean => (text?.length ?? 0) > MAX_NAME_LENGTH;
  return (
    isLong(wire.node?.id) ||
    isLong(wire.type_url) ||
    wire.resource_names_subscribe.some(isLong) ||
    Object.entries(wire.initial_resource_versions).some(([name, version]) => isLong(name) || isLong(version))
  );
}

/** Everything that a client made this stream remember. */
function namesOf({ subscriptions }: DeltaStream): number {
  let sum = 0;
  for (const { names, owed, known } of subscriptions.values()) sum += Math.max(names.size, known.size) + owed.size;
  return sum;
}

/** grpc-js gives a certificate only when an authority of ours has signed it. */
function peerOf(call: Call): Peer {
  const address = call.getPeer(),
    certificate = call.getAuthContext()?.sslPeerCertificate;
  return {
    host: hostOf(address.replace(/^([0-9a-f:.]*:[0-9a-f.]*):(\d+)$/i, '[$1]:$2')) ?? plainHost(address),
    names: certificate ? readCertificateNames(certificate.subjectaltname) : null,
  };
}
