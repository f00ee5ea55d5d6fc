import { typed } from '../../proto/xds/loader.ts';

const nextPriority = {
  name: 'envoy.retry_priorities.previous_priorities',
  typed_config: typed('envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', {
    update_frequency: 1,
  }),
};

/**
 * What Envoy may send again by itself: only what provably no replica acted on. The pin's list, or the priorities, lead the second attempt
 * to the relay. The relay knows what may be sent twice, and has a budget for it.
 */
const pinned = (retries: number, retryOn: string, statusCodes?: number[]): object => ({
  retry_on: retryOn,
  ...(statusCodes && { retriable_status_codes: statusCodes }),
  num_retries: retries,
  // Handing over needs no pause: the next host is another process.
  retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
});

/** A retry that meets a host which the request has met draws again. */
export const anotherHost = {
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: typed('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'),
    },
  ],
  // A dead host has no requests, so least request likes it best: after 5 draws one in four would meet it again.
  host_selection_retry_max_attempts: 20,
};

/** With the priorities, for requests that have no list of hosts, or may come to its end. */
const handOver = (retryOn: string, statusCodes?: number[]): object => ({
  ...pinned(3, retryOn, statusCodes),
  retry_priority: nextPriority,
  ...anotherHost,
});

const UNDELIVERED = 'connect-failure,refused-stream,reset-before-request';

/** For requests that name a session: a 404 means that the replica has forgotten it, and the relay can bring it back. */
export const sessionRetry = handOver(`${UNDELIVERED},retriable-status-codes`, [404]);

/**
 * The same for a pin that names every host to try, with as many attempts as there are hosts. A further attempt would
 * meet a replica that has never heard of the session. The plugins that choose another host are left out: they cost
 * each request 5 µs, tried again or not.
 */
export const pinnedRetry = (hosts: number): object => pinned(hosts - 1, `${UNDELIVERED},retriable-status-codes`, [404]);

/** For all others a 404 is the answer. */
export const plainRetry = handOver(UNDELIVERED);

/**
 * Between relays a request goes on even when the first one may have sent it to a replica. HEADER.sent tells the next
 * one. It knows what may be sent twice, and has the id for an error. Two others at most: what ended one process could
 * end them all.
 */
const amongRelays = (retryOn: string, statusCodes?: number[]): object => ({
  ...handOver(`${retryOn},reset`, statusCodes),
  num_retries: 2,
});
export const relaySessionRetry = amongRelays(`${UNDELIVERED},retriable-status-codes`, [404]);
export const relayPlainRetry = amongRelays(UNDELIVERED);

/**
 * Towards a ring of several relays, which looks at no priority. Envoy gets time to take out the ones that refused, so
 * that a neighbour's is next.
 */
export const patient = (policy: object): object => ({
  ...policy,
  retry_back_off: { base_interval: '0.02s', max_interval: '0.1s' },
});

/**
 * For what Envoy itself asks a sidecar. A stream that this node's sidecar did not take begins again at once at a neighbour's, the cluster's
 * next priority.
 */
export const toNeighbour: object = {
  retry_on: UNDELIVERED,
  num_retries: 2,
  // Two retries never wait for as long. For a gRPC service Envoy takes it for the time that one attempt may last. At 2
  // ms it broke off most batches of access logs, which a busy sidecar then never saw.
  retry_back_off: { base_interval: '0.001s', max_interval: '10s' },
  retry_priority: nextPriority,
};

/**
 * A decision may be asked for several times. So the neighbour is asked when this node's sidecar is gone, whatever became
 * of the first call.
 */
export const askAgain: object = { ...toNeighbour, retry_on: `${UNDELIVERED},reset,gateway-error` };
