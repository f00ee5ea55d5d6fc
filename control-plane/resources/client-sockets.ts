/**
 * What a slow client may leave lying in Envoy. Streams that nobody reads each fill it: 1,000 of them
 * had 1 GiB of two Envoys, and kept their sidecars busy for a minute. How fast a distant client can read is a matter of the kernel's own buffers.
 */
const BUFFER_BYTES = 64 << 10;

/**
 * Connections that a worker takes in one turn of its event loop. By default it takes all that wait: 5,000 at once kept every call for half a second.
 */
const ACCEPTS_PER_TURN = 4;

/** How a listener treats the connections of clients, at gateways and at edges. */
export const clientSockets = (bufferBytes = BUFFER_BYTES): object => ({
  per_connection_buffer_limit_bytes: bufferBytes,
  max_connections_to_accept_per_socket_event: ACCEPTS_PER_TURN,
});
