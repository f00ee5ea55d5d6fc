import { documentPaths, type Place } from './place.ts';

/** What a path is at a place: the MCP endpoint, a document about log-in, or a further path of the replicas. */
export interface Placed {
  place: Place;
  is: 'endpoint' | 'document' | 'route';
}

/** What clients reach of a server at a path (without its query) and a Host; null: nothing. A host of one server alone has nothing of others. */
export function placeAt(
  { places, routes }: { places: readonly Place[]; routes: readonly string[] },
  path: string,
  host: string | undefined,
): Placed | null {
  const name = bareHost(host ?? ''),
    isOwn = places.some((place) => place.host === name);
  for (const place of places) {
    if (place.host !== (isOwn ? name : null)) continue;
    if (path === place.path || path === `${place.path}/`) return { place, is: 'endpoint' };
    if (documentPaths(place, routes.length > 0).includes(path)) return { place, is: 'document' };
    if (routes.some((route) => isBelow(path, `${place.base}${route}`))) return { place, is: 'route' };
  }
  return null;
}

/** Whether `routes` mean this path: `/path` alone, or all below `/path/*`. */
export const isBelow = (path: string, route: string): boolean =>
  route.endsWith('/*') ? path.startsWith(route.slice(0, -1)) || path === route.slice(0, -2) : path === route;

/** A Host without its port and the dot at its end, in lower case. */
export const bareHost = (host: string): string => host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
