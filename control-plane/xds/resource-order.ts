import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { SERVER_POLICY_TYPE } from '../../proto/wire.ts';

/**
 * Make before break: what is referred to arrives before what refers to it, and is removed after it. A policy goes
 * first, because the sidecar is asked about a server as soon as Envoy routes to it. Like a cluster, a policy names
 * endpoints that are subscribed next. Types that we do not know come last.
 */
const ORDER: readonly string[] = [
  SERVER_POLICY_TYPE,
  RESOURCE_TYPE.cluster,
  RESOURCE_TYPE.endpoints,
  RESOURCE_TYPE.extensions,
  RESOURCE_TYPE.listener,
  RESOURCE_TYPE.routes,
  RESOURCE_TYPE.scopes,
];

export function orderOf(typeUrl: string): number {
  const rank = ORDER.indexOf(typeUrl);
  return rank === -1 ? ORDER.length : rank;
}

const TARGETS = [RESOURCE_TYPE.cluster, RESOURCE_TYPE.endpoints];
const WAITS: Readonly<Record<string, readonly string[]>> = {
  [RESOURCE_TYPE.extensions]: TARGETS,
  [RESOURCE_TYPE.listener]: TARGETS,
  // A route names what its server asks of a token, which stands in a filter's configuration.
  [RESOURCE_TYPE.routes]: [...TARGETS, RESOURCE_TYPE.extensions],
  // A path may move to other routes, which must have it then. Routes that are new are asked for after their scope.
  [RESOURCE_TYPE.scopes]: [...TARGETS, RESOURCE_TYPE.routes],
};

/** Types whose additions must be settled before an addition of `typeUrl` goes out. Endpoints wait for nobody: a cluster's ACK waits for them. */
export const waitsFor = (typeUrl: string): readonly string[] => WAITS[typeUrl] ?? [];

/** What may send requests to a cluster. */
const USERS = [RESOURCE_TYPE.extensions, RESOURCE_TYPE.listener, RESOURCE_TYPE.scopes, RESOURCE_TYPE.routes];
const REMOVAL_WAITS: Readonly<Record<string, readonly string[]>> = {
  [RESOURCE_TYPE.endpoints]: [SERVER_POLICY_TYPE, RESOURCE_TYPE.cluster, ...USERS],
  [RESOURCE_TYPE.cluster]: USERS,
  [RESOURCE_TYPE.scopes]: [RESOURCE_TYPE.listener],
  [RESOURCE_TYPE.routes]: [RESOURCE_TYPE.listener, RESOURCE_TYPE.scopes],
};

/** Types whose changes must be settled before a removal of `typeUrl` goes out: those that may still refer to it. */
export const removalWaitsFor = (typeUrl: string): readonly string[] => REMOVAL_WAITS[typeUrl] ?? [];
