import { listening, type EnvoyAddress } from '../../proto/envoy-address.ts';

/** `ip:port`, `[ipv6]:port` or `unix:/path` as Envoy writes it. */
export function envoyAddress(address: string): EnvoyAddress {
  if (address.startsWith('unix:')) return { pipe: { path: address.slice('unix:'.length) } };
  const cut = address.lastIndexOf(':');
  return {
    socket_address: {
      address: address.slice(0, cut).replace(/^\[|\]$/g, ''),
      port_value: Number(address.slice(cut + 1)),
    },
  };
}

/** The same, to listen on. */
export const envoyListen = (address: string): EnvoyAddress => listening(envoyAddress(address));
