import type { ProbeSettings } from './probe-settings.ts';

/** One replica to be probed. */
export interface ProbeTarget {
  server: string;
  /** Unique in its server. */
  replica: string;
  /** `ip:port`; another address is another incarnation. */
  address: string;
  /** Path of the MCP endpoint. */
  path: string;
  /** Host header, where replicas insist on one; null sends the address. */
  host: string | null;
  /** Speak TLS to the replica; null: plain. */
  tls: ProbeTls | null;
  settings: ProbeSettings;
}

/** As `backends[].tls` of the configuration. */
export interface ProbeTls {
  caFile?: string | undefined;
  serverName?: string | undefined;
  certificateFile?: string | undefined;
  keyFile?: string | undefined;
}

export const targetKey = (target: { server: string; replica: string }): string => `${target.server}/${target.replica}`;
