/** An address as Envoy's configuration has it. */
export type EnvoyAddress =
  | { pipe: { path: string } }
  | { socket_address: { address: string; port_value: number; ipv4_compat?: boolean } };

/** Where Envoy listens. On `::` IPv4 clients are let in as well, as Node does it: Envoy alone would turn them away. */
export const listening = (address: EnvoyAddress): EnvoyAddress =>
  'socket_address' in address && address.socket_address.address === '::'
    ? { socket_address: { ...address.socket_address, ipv4_compat: true } }
    : address;
