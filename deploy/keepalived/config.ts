/** One of the two machines that the public address moves between. */
export interface KeepalivedOptions {
  role: 'primary' | 'standby';
  interface: string;
  /** The public address with its prefix, `203.0.113.10/24`. */
  virtualAddress: string;
  /** Addresses of this machine and of the other, for unicast: many networks have no multicast. */
  own: string;
  peer: string;
  /** 1 to 255, the same on both and used by no one else in the network. */
  routerId: number;
  /** Plain port of the edge. */
  port: number;
  /** Where check-edge.sh is. */
  checkScript: string;
  /** Who runs it; not root. */
  user: string;
}

const ADDRESS = /^(\d{1,3}\.){3}\d{1,3}$/;

/** keepalived.conf. Pure; throws an Error that names the option that can't work. */
export function keepalivedConfig(options: KeepalivedOptions): string {
  const { role, interface: device, virtualAddress, own, peer, routerId, port, checkScript, user } = options;
  if (!/^[\w.-]{1,15}$/.test(device))
    throw new Error(`interface: ${JSON.stringify(device)} is not the name of a network interface`);
  const [address, prefix] = virtualAddress.split('/');
  if (!ADDRESS.test(address ?? '') || !/^\d{1,2}$/.test(prefix ?? '') || Number(prefix) > 32)
    throw new Error(
      `virtualAddress: ${JSON.stringify(virtualAddress)} is not an address with its prefix, like 203.0.113.10/24`,
    );
  for (const [name, value] of [
    ['own', own],
    ['peer', peer],
  ] as const)
    if (!ADDRESS.test(value)) throw new Error(`${name}: ${JSON.stringify(value)} is not an IPv4 address`);
  if (own === peer) throw new Error(`peer: ${peer} is this machine itself`);
  if (!Number.isInteger(routerId) || routerId < 1 || routerId > 255)
    throw new Error(`routerId: ${routerId} is not from 1 to 255`);
  return `# Written by deploy/keepalived/write.ts (${role}).
global_defs {
  vrrp_version 3
  enable_script_security
  script_user ${user}
}
vrrp_script edge {
  script "${checkScript} ${port}"
  interval 1
  timeout 3
  # Two failures in a row: one slow answer does not move the address.
  fall 2
  rise 2
}
vrrp_instance holdfast {
  # Both begin as BACKUP: with nopreempt the address stays where it is when the primary comes back, and connections with it.
  state BACKUP
  nopreempt
  interface ${device}
  virtual_router_id ${routerId}
  priority ${role === 'primary' ? 150 : 100}
  # The other takes over 3 silent intervals and a bit after the last word of this one.
  advert_int 0.5
  unicast_src_ip ${own}
  unicast_peer {
    ${peer}
  }
  virtual_ipaddress {
    ${virtualAddress} dev ${device}
  }
  track_script {
    edge
  }
  # Neighbours learn of the move at once, and are told again.
  garp_master_delay 1
  garp_master_repeat 3
}
`;
}
