import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import type { Resources, XdsResource } from './resource.ts';
import {
  differenceOf,
  onRequest,
  onSent,
  subscribeFirst,
  type DeltaRequest,
  type Difference,
  type Subscription,
  type Verdict,
} from './delta-subscription.ts';
import { orderOf, removalWaitsFor, waitsFor } from './resource-order.ts';

/** All subscriptions of one ADS stream, and since when something waits for its turn. */
export interface DeltaStream {
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly nextNonce: number;
  readonly waitingSinceMs: number | null;
}
export const EMPTY_STREAM: DeltaStream = { subscriptions: new Map(), nextNonce: 1, waitingSinceMs: null };

export interface Push {
  typeUrl: string;
  nonce: string;
  send: readonly XdsResource[];
  remove: readonly string[];
}

/** How long order is kept at the price of delay. A client that does not settle a cluster must not miss route changes for ever. */
export const ORDER_WAIT_MS = 3000;
/** One response holds at most this much (but at least one resource), so that a slow client is fed in portions. */
export const RESPONSE_BYTES = 1 << 20;

const NOTHING: ReadonlyMap<string, XdsResource> = new Map();

export function receive(
  stream: DeltaStream,
  typeUrl: string,
  request: DeltaRequest,
): { stream: DeltaStream; verdict: Verdict } {
  const before = stream.subscriptions.get(typeUrl);
  const { subscription, verdict } = before
    ? onRequest(before, request)
    : { subscription: subscribeFirst(request), verdict: { kind: 'none' } as const };
  const subscriptions = new Map(stream.subscriptions).set(typeUrl, subscription);
  // After a reconnect, changed clusters may be on their way before the endpoints are subscribed.
  const onTheirWay =
    typeUrl === RESOURCE_TYPE.endpoints && !before
      ? subscriptions.get(RESOURCE_TYPE.cluster)?.pending?.sent.keys()
      : undefined;
  return {
    stream: { ...stream, subscriptions: onTheirWay ? oweEndpoints(subscriptions, [...onTheirWay]) : subscriptions },
    verdict,
  };
}

/**
 * The next response to write, if any; call again until there is none. `wakeAtMs` says when to ask again although nothing happened:
 * something waits for its turn, but not for ever.
 */
export function nextPush(
  stream: DeltaStream,
  resources: Resources,
  nowMs: number,
): { stream: DeltaStream; push: Push | null; wakeAtMs: number | null } {
  const orderTimedOut = stream.waitingSinceMs !== null && nowMs - stream.waitingSinceMs >= ORDER_WAIT_MS;
  const parts: Parts = new Map();
  for (const [typeUrl, subscription] of stream.subscriptions)
    parts.set(typeUrl, { subscription, ...differenceOf(subscription, resources.get(typeUrl) ?? NOTHING) });
  let isWaiting = false;
  for (const [typeUrl, part] of [...parts].sort(([a], [b]) => orderOf(a) - orderOf(b))) {
    if (part.subscription.pending) continue;
    const { send, remove, waits } = mayGo(typeUrl, part, parts, orderTimedOut);
    if (send || remove.length > 0) return pushOf(stream, typeUrl, part, send, remove);
    isWaiting ||= waits;
  }
  const waitingSinceMs = isWaiting ? (stream.waitingSinceMs ?? nowMs) : null;
  return {
    stream: { ...stream, waitingSinceMs },
    push: null,
    wakeAtMs: waitingSinceMs === null || orderTimedOut ? null : waitingSinceMs + ORDER_WAIT_MS,
  };
}

/** A subscription, and what its client does not have yet. */
type Part = Difference & { subscription: Subscription };
/** By type. */
type Parts = Map<string, Part>;

/** What of a type may be sent now. `waits`: something must wait for other types. */
function mayGo(
  typeUrl: string,
  { subscription, send, remove }: Part,
  parts: Parts,
  orderTimedOut: boolean,
): { send: boolean; remove: readonly string[]; waits: boolean } {
  const unsettled = (type: string) => isUnsettled(parts.get(type));
  // Removals go once nothing refers to them any more. While a client refuses new routes, its old ones still do.
  const isRefusing = removalWaitsFor(typeUrl).some((type) => parts.get(type)?.subscription.refused.size);
  const mayRemove = !isRefusing && (orderTimedOut || !removalWaitsFor(typeUrl).some(unsettled));
  const hasNews = send.length > 0 || subscription.owesAnswer;
  return {
    send: hasNews && (orderTimedOut || !waitsFor(typeUrl).some(unsettled)),
    // An answer that the client waits for is not held back with the removals.
    remove: mayRemove ? remove : remove.filter((name) => subscription.owed.has(name)),
    waits: send.length > 0 || (remove.length > 0 && !isRefusing),
  };
}

function pushOf(
  { subscriptions, nextNonce, waitingSinceMs }: DeltaStream,
  typeUrl: string,
  { subscription, send: news }: Part,
  maySend: boolean,
  remove: readonly string[],
): { stream: DeltaStream; push: Push; wakeAtMs: null } {
  const send = maySend ? portionOf(news, subscription, remove.length > 0) : [];
  const nonce = String(nextNonce);
  const sent = new Map(subscriptions).set(typeUrl, onSent(subscription, nonce, send, remove));
  return {
    stream: {
      subscriptions: typeUrl === RESOURCE_TYPE.cluster ? oweEndpoints(sent, send.map(endpointsNameOf)) : sent,
      nextNonce: nextNonce + 1,
      waitingSinceMs,
    },
    push: { typeUrl, nonce, send, remove },
    wakeAtMs: null,
  };
}

/** Whether the client has accepted everything there is for it, and nothing is on its way. What it refuses does not count. */
export function isSettled(stream: DeltaStream, resources: Resources): boolean {
  return [...stream.subscriptions].every(([typeUrl, subscription]) => {
    const { send, remove } = differenceOf(subscription, resources.get(typeUrl) ?? NOTHING);
    return !subscription.pending && !subscription.owesAnswer && send.length === 0 && remove.length === 0;
  });
}

/**
 * A changed cluster waits in Envoy for its endpoints. On a delta stream Envoy does not ask for endpoints that it is
 * subscribed to already. It would warm for the 15 s of initial_fetch_timeout (seen with 1.40.0; envoy.test.ts). So the
 * endpoints are sent again with the cluster.
 */
function oweEndpoints(subscriptions: Map<string, Subscription>, names: readonly string[]): Map<string, Subscription> {
  const endpoints = subscriptions.get(RESOURCE_TYPE.endpoints);
  const owed = names.filter((name) => endpoints?.names.has(name));
  return endpoints && owed.length > 0
    ? subscriptions.set(RESOURCE_TYPE.endpoints, { ...endpoints, owed: new Set([...endpoints.owed, ...owed]) })
    : subscriptions;
}

const endpointsNameOf = ({ name, references }: XdsResource): string =>
  references.find(({ kind }) => kind === 'endpoints')?.name ?? name;

/** Something of this type is on its way or not yet sent. */
const isUnsettled = (part: Part | undefined): boolean =>
  part !== undefined && (part.subscription.pending !== null || part.send.length > 0);

/** As much as fits of what is above suspicion; else one suspect, and nothing beside it. */
function portionOf(
  send: readonly XdsResource[],
  { suspects }: Subscription,
  hasRemovals: boolean,
): readonly XdsResource[] {
  const trusted = send.filter(({ name }) => !suspects.has(name));
  if (trusted.length === 0) return hasRemovals ? [] : send.slice(0, 1);
  let bytes = 0;
  return trusted.filter((resource, index) => {
    bytes += resource.any.value.length;
    return index === 0 || bytes <= RESPONSE_BYTES;
  });
}
