import type { Place } from '../../proto/place.ts';
import type { Config } from '../config/config-schema.ts';
import { publicUrlOf, urlAtHost } from '../config/public-url.ts';
import type { ServerConfig } from '../config/server-schema.ts';

/**
 * Where clients reach a server: first by its name; then, where it has `routes`, as if its replicas stood below that (`/mcp/NAME/mcp`, which is where a
 * server with its own paths finds itself); at `/mcp` when it is the only one; and at the hosts that are its own, as on its replicas.
 */
export function placesOf({ name, path, hosts, routes }: ServerConfig, config: Config): Place[] {
  const publicUrl = publicUrlOf(config),
    named = `/mcp/${name}`;
  const place = (at: string, base: string, host: string | null = null): Place => {
    const origin = host === null ? publicUrl : urlAtHost(publicUrl, host);
    return { host, path: at, base, url: origin === null ? null : `${origin}${at}` };
  };
  return [
    place(named, named),
    ...(routes.length > 0 && path !== '/' ? [place(`${named}${path}`, named)] : []),
    ...(config.servers.length === 1 ? [place('/mcp', '')] : []),
    ...hosts.map((host) => place(path, '', host)),
  ];
}
