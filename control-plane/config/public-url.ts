import type { Config } from './config-schema.ts';
import { beforePort, isLoopback } from '../../proto/identity/host.ts';

/** How clients reach a host of one server alone: the public URL with another host name. */
export function urlAtHost(publicUrl: string | null, host: string): string | null {
  if (publicUrl === null) return null;
  const url = new URL(publicUrl);
  url.hostname = host;
  return url.origin;
}

/** How clients reach the mesh, without a slash at the end; null when nobody said it and the gateway listens for others than this machine. */
export function publicUrlOf({
  publicUrl,
  gateway,
  port,
}: Pick<Config, 'publicUrl' | 'gateway' | 'port'>): string | null {
  if (publicUrl !== undefined) return new URL(publicUrl).origin;
  if (!isLoopback(gateway.listenAddress)) return null;
  return `${gateway.tls ? 'https' : 'http'}://${beforePort(gateway.listenAddress)}:${port}`;
}
