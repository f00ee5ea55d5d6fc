/** `ip:port`, `[ipv6]:port` or `unix:/path` as Envoy writes it. */
export function envoyAddress(address: string): object {
  if (address.startsWith('unix:')) return { pipe: { path: address.slice('unix:'.length) } };
  const cut = address.lastIndexOf(':');
  return {
    socket_address: {
      address: address.slice(0, cut).replace(/^\[|\]$/g, ''),
      port_value: Number(address.slice(cut + 1)),
    },
  };
}

/** Where Envoy listens. On `[::]` IPv4 clients are let in as well, as Node does it: Envoy alone would turn them away. */
export function envoyListen(address: string): object {
  const host = address.slice(0, address.lastIndexOf(':'));
  if (host !== '[::]') return envoyAddress(address);
  return {
    socket_address: { address: '::', port_value: Number(address.slice(host.length + 1)), ipv4_compat: true },
  };
}
