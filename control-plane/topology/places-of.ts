import type { Place } from '../../proto/place.ts';
import type { Config } from '../config/config-schema.ts';
import { publicUrlOf, urlAtHost } from '../config/public-url.ts';
import type { ServerConfig } from '../config/server-schema.ts';

/**
 * Where clients reach a server: by its name; at `/mcp` when it is the only one; at hosts of its own, as on its
 * replicas. With `routes` it is also reached as if its replicas stood below its name (`/mcp/NAME/mcp`). There a server
 * with paths of its own finds itself.
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
