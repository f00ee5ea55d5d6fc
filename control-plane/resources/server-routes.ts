import type { Place } from '../../proto/place.ts';
import { callTimeoutMs } from '../../proto/server-policy.ts';
import { heldByRelay } from '../route-table/held-by-relay.ts';
import { hasSlotRows, hasSteadyRows, routeTable } from '../route-table/route-table.ts';
import { like } from '../route-table/condition.ts';
import type { RouteRow } from '../route-table/row.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { tableMatcher, type OnMatch } from './matcher.ts';
import { rowRoutes, type RoutedNode } from './row-routes.ts';

/** What a server's routes are made of, as text: while it stays the same, so do they. `slots`: what is about its replicas. */
export const routeInputs = (server: ServerTopology): { common: string; slots: string } => {
  const { endpoints, hasOpenToolBreaker, policy } = server;
  const hasSteady = hasSteadyRows(server);
  const common = JSON.stringify([
    server.name,
    server.backends.map(({ hostOverride }) => hostOverride),
    server.allowedOrigins,
    server.allowedHosts,
    server.cors,
    server.jwt,
    server.rateLimit,
    policy.guard,
    policy.bind,
    policy.path,
    policy.places,
    policy.routes,
    server.mapsChallenge,
    policy.originOverride,
    Object.keys(policy.headerFiles).length > 0,
    policy.maxBodyBytes,
    policy.affinity.calls,
    policy.sharedCache,
    callTimeoutMs(policy),
    heldByRelay(server),
    hasSteady ? hasOpenToolBreaker : null,
    hasSlotRows(server),
  ]);
  return {
    common,
    slots: hasSlotRows(server)
      ? JSON.stringify(endpoints.map(({ slot, address, isSteady }) => [slot, address, hasSteady ? isSteady : null]))
      : '',
  };
};

/** Any id that begins with a slot, known or not. */
const hasSlot = like(HEADER.sessionId, '[^~]+~.*');

/** Where guarded sessions stay among relays, the way is the same for every slot. So a replica that comes or goes leaves the routes as they are. */
const withoutSlots = ({ slots: _, ...row }: RouteRow): RouteRow => ({ ...row, when: [...row.when, hasSlot] });

/** A server's routes at `path`, as its table says (control-plane/route-table). */
export const serverRoutes = (server: ServerTopology, node: RoutedNode, path: string, place: Place): OnMatch =>
  tableMatcher(
    routeTable(server, path).map((row) =>
      row.to === 'guarded-slot' && node.neighbours.length > 0 ? withoutSlots(row) : row,
    ),
    rowRoutes(server, node, path, place),
  );
