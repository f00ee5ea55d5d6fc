import { routeName } from '../../proto/wire.ts';
import type { Refusal } from '../route-table/row.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { directResponse } from './direct-response.ts';
import { corsOfOwnAnswers } from './filters/cors.ts';

/** The route that answers itself. `path`: RouteMatch. */
export const refusedRoute = (server: ServerTopology, path: object, refusal: Refusal): object => ({
  name: routeName(server.name, 'refused'),
  match: path,
  ...directResponse(refusal.status, refusal.message),
  ...(refusal.isReadable && corsOfOwnAnswers(server)),
});
