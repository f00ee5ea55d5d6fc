import { isWildcard } from './reached-at.ts';
import type { SidecarSettings } from './read-settings.ts';

/** One's own Envoy knows the relay by loopback when it listens everywhere; a neighbour's, whose loopback is another, by its advertised address. */
export const relayPins = (host: string, advertised: string, port: number): string =>
  [...new Set([`${isWildcard(host) ? '127.0.0.1' : host}:${port}`, advertised])].join();

/** A socket's path, or host and port. */
export const addressOf = (endpoint: SidecarSettings['extProc']): string =>
  endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
