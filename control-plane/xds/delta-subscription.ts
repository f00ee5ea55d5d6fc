import type { XdsResource } from './resource.ts';

/** What one client wants and has of one type on one stream. Values are never changed in place; every transition gives a new one. */
export interface Subscription {
  readonly isWildcard: boolean;
  /** Names subscribed one by one. */
  readonly names: ReadonlySet<string>;
  /** Name → version that the client has accepted, or says that it has. */
  readonly known: ReadonlyMap<string, string>;
  /** Names to be answered even if the client has that version: each subscription asks for an answer. */
  readonly owed: ReadonlySet<string>;
  /** An empty answer is due: a first wildcard request, so that a client does not wait for resources that do not exist. */
  readonly owesAnswer: boolean;
  /** Name → version that was refused on its own; never sent again unchanged, unless the client subscribes again. */
  readonly refused: ReadonlyMap<string, string>;
  /** Names from a refused response of several: they go one by one, so that one bad resource does not keep out the good ones. */
  readonly suspects: ReadonlySet<string>;
  /** The response that waits for its ACK or NACK; at most one per type, so changes meanwhile are coalesced. */
  readonly pending: Pending | null;
}
export interface Pending {
  readonly nonce: string;
  readonly sent: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
}

/** The parts of a DeltaDiscoveryRequest that move the state. */
export interface DeltaRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: Readonly<Record<string, string>>;
  readonly nonce: string;
  /** Reason of a NACK; null for an ACK or a plain request. */
  readonly error: string | null;
}

export type Verdict =
  | { kind: 'ack' }
  /** `resources`: what the refused response held. `isFinal`: one resource alone, so it is the culprit. */
  | { kind: 'nack'; reason: string; resources: readonly string[]; isFinal: boolean }
  /** An answer to a response that is not the last one: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version */
  | { kind: 'stale' }
  | { kind: 'none' };

const WILDCARD = '*';

/** The first request of a type. One that names nothing asks for everything. */
export function subscribeFirst(request: DeltaRequest): Subscription {
  const isWildcard = request.subscribe.length === 0 || request.subscribe.includes(WILDCARD);
  const known = new Map(Object.entries(request.initialVersions));
  const names = new Set(request.subscribe.filter((name) => name !== WILDCARD));
  return {
    isWildcard,
    names,
    known,
    // What the client brings along from an earlier stream need not be answered: it is sent only if it changed meanwhile.
    owed: new Set([...names].filter((name) => !known.has(name))),
    owesAnswer: isWildcard && known.size === 0,
    refused: new Map(),
    suspects: new Set(),
    pending: null,
  };
}

/** Any later request: an ACK or NACK, a change of subscription, or both. */
export function onRequest(
  before: Subscription,
  request: DeltaRequest,
): { subscription: Subscription; verdict: Verdict } {
  const [settled, verdict] = settle(before, request);
  if (request.subscribe.length === 0 && request.unsubscribe.length === 0) return { subscription: settled, verdict };
  const names = new Set(settled.names),
    owed = new Set(settled.owed),
    known = new Map(settled.known),
    refused = new Map(settled.refused);
  let { isWildcard, owesAnswer } = settled;
  for (const name of request.unsubscribe) {
    if (name === WILDCARD) isWildcard = false;
    else if (names.delete(name) && isWildcard) owed.add(name);
  }
  for (const name of request.subscribe) {
    if (name === WILDCARD) {
      isWildcard = true;
      owesAnswer = true;
    } else {
      names.add(name);
      owed.add(name);
      refused.delete(name);
    }
  }
  for (const map of [known, owed, refused])
    for (const name of map.keys()) if (!isWildcard && !names.has(name)) map.delete(name);
  return { subscription: { ...settled, isWildcard, names, owed, owesAnswer, known, refused }, verdict };
}

function settle(before: Subscription, request: DeltaRequest): [Subscription, Verdict] {
  if (request.nonce === '') return [before, { kind: 'none' }];
  const { pending } = before;
  if (pending?.nonce !== request.nonce) return [before, { kind: 'stale' }];
  const known = new Map(before.known),
    refused = new Map(before.refused),
    suspects = new Set(before.suspects);
  // Removals of a refused response are said again without the resources that may be to blame; refused alone, they are let be.
  if (request.error === null || pending.sent.size === 0)
    for (const name of pending.removed) {
      known.delete(name);
      refused.delete(name);
      suspects.delete(name);
    }
  const isFinal = pending.sent.size <= 1;
  for (const [name, version] of pending.sent) {
    if (!before.isWildcard && !before.names.has(name)) continue;
    if (request.error === null) {
      known.set(name, version);
      refused.delete(name);
    } else if (isFinal) refused.set(name, version);
    if (request.error === null || isFinal) suspects.delete(name);
    else suspects.add(name);
  }
  const verdict: Verdict =
    request.error === null
      ? { kind: 'ack' }
      : { kind: 'nack', reason: request.error, resources: [...pending.sent.keys(), ...pending.removed], isFinal };
  return [{ ...before, known, refused, suspects, pending: null }, verdict];
}

/** What is still to be said to the client, given what there is now. */
export interface Difference {
  readonly send: readonly XdsResource[];
  readonly remove: readonly string[];
}

export function differenceOf(subscription: Subscription, available: ReadonlyMap<string, XdsResource>): Difference {
  const { isWildcard, names, known, owed, refused } = subscription;
  const send: XdsResource[] = [];
  const consider = (resource: XdsResource | undefined) => {
    if (!resource) return;
    const { name, version } = resource;
    if (owed.has(name) || (known.get(name) !== version && refused.get(name) !== version)) send.push(resource);
  };
  if (isWildcard) for (const resource of available.values()) consider(resource);
  else for (const name of names) consider(available.get(name));
  const gone = new Set<string>();
  for (const name of known.keys()) if (!available.has(name) && (isWildcard || names.has(name))) gone.add(name);
  for (const name of owed) if (!available.has(name)) gone.add(name);
  return { send, remove: [...gone] };
}

/** Records that a response is on its way. */
export function onSent(
  before: Subscription,
  nonce: string,
  sent: readonly XdsResource[],
  removed: readonly string[],
): Subscription {
  const owed = new Set(before.owed);
  for (const { name } of sent) owed.delete(name);
  for (const name of removed) owed.delete(name);
  return {
    ...before,
    owed,
    owesAnswer: false,
    pending: { nonce, sent: new Map(sent.map(({ name, version }) => [name, version])), removed },
  };
}
