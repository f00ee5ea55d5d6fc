import type { Heartbeat } from '../../proto/heartbeat.ts';
import type { SidecarSettings } from '../settings/read-settings.ts';

type Addresses = Pick<Heartbeat, 'relay' | 'isRelayTls' | 'peer' | 'admin' | 'listen'>;

/** Where others reach this node. With certificates the relay's plain port is for its own Envoy alone. `hostOf`: by which host they reach what listens on one. */
export function ownAddresses(
  { relay, relayPeer, certs, peer, admin, listen }: SidecarSettings,
  hostOf: (host: string) => string,
): Addresses {
  const reached = ({ host, port }: { host: string; port: number }): string => `${hostOf(host)}:${port}`;
  const plainRelay = certs === null ? [reached(relay)] : [];
  return {
    relay: relayPeer ? [reached(relayPeer)] : plainRelay,
    isRelayTls: relayPeer !== null,
    peer: peer && reached(peer),
    admin: reached(admin),
    listen: listen && reached(listen),
  };
}
