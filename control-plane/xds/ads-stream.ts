import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { EMPTY_STREAM, isSettled, nextPush, receive, type DeltaStream } from './delta-stream.ts';
import { encodePush, readRequest, type WireRequest } from './delta-wire.ts';
import { readNode, type NodeInfo } from './node-info.ts';
import type { Resources } from './resource.ts';
import { shortType, type XdsMetrics } from './xds-metrics.ts';

/** gRPC's status codes. */
const INVALID_ARGUMENT = 3,
  RESOURCE_EXHAUSTED = 8;

/** A client may name this many types and names; more is a broken client, and would cost memory without bound. */
const MAX_TYPES = 32;
const MAX_NAMES = 100_000;

export interface Refusal {
  node: NodeInfo;
  typeUrl: string;
  resources: readonly string[];
  reason: string;
  isFinal: boolean;
}
export interface AdsStreamHooks {
  /** The first request told who it is. Gives the node's present resources, if there are any yet. */
  onNode(stream: AdsStream): Resources | undefined;
  onRefusal(refusal: Refusal): void;
  /** An ACK was the last one due: the client has what `resources` say. */
  onSettled(stream: AdsStream, resources: Resources): void;
  onEnd(stream: AdsStream): void;
}

/** One ADS stream: feeds requests and snapshots to the pure state, and writes what it says as fast as the client takes it. */
export interface AdsStream {
  readonly node: NodeInfo | null;
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
  let isBlocked = false,
    isOver = false,
    wake: NodeJS.Timeout | undefined;

  const flush = () => {
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
  };
  const over = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(wake);
    if (node) hooks.onEnd(stream);
  };
  const refuse = (code: number, details: string) => {
    call.emit('error', { code, details });
    over();
  };
  const onData = (wire: WireRequest) => {
    if (isOver) return;
    if (!node) {
      if (!wire.node?.id) return refuse(INVALID_ARGUMENT, 'the first request of an ADS stream must carry node.id');
      node = readNode(wire.node);
      // Headers at once: a client that has everything hears nothing else, and wants to know that someone is there.
      call.sendMetadata(greeting);
      resources = hooks.onNode(stream) ?? resources;
    }
    const typeUrl = wire.type_url ?? '';
    if (!typeUrl) return refuse(INVALID_ARGUMENT, 'a request on an ADS stream must carry type_url');
    const { stream: after, verdict } = receive(state, typeUrl, readRequest(wire));
    state = after;
    if (state.subscriptions.size > MAX_TYPES || state.subscriptions.get(typeUrl)!.names.size > MAX_NAMES)
      return refuse(RESOURCE_EXHAUSTED, `more than ${MAX_TYPES} types or ${MAX_NAMES} names subscribed`);
    if (verdict.kind !== 'none') metrics.answered(shortType(typeUrl), verdict.kind);
    if (verdict.kind === 'nack')
      hooks.onRefusal({
        node,
        typeUrl,
        resources: verdict.resources,
        reason: verdict.reason,
        isFinal: verdict.isFinal,
      });
    flush();
    if (verdict.kind === 'ack' && resources && isSettled(state, resources)) hooks.onSettled(stream, resources);
  };
  const stream: AdsStream = {
    get node() {
      return node;
    },
    update(latest) {
      resources = latest;
      flush();
    },
    end() {
      over();
      call.end();
    },
  };

  call.on('data', onData);
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
