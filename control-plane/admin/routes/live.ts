import * as z from 'zod';
import { ApiProblem } from '../api-problem.ts';
import { read, type Route } from '../route.ts';

export const liveRoutes: Route[] = [
  read(
    '/v1/live',
    'The mesh as it is and what changes of it, as server-sent events without an end: what the console shows.',
    z.strictObject({
      after: z
        .string()
        .regex(/^\d+-\d+$/, 'the id of an event')
        .optional()
        .describe('Events of the mesh begin after this one.'),
    }),
    ({ context: { live }, query: { after }, signal }) => {
      if (!live) throw new ApiProblem('unavailable', 'this control plane has no console');
      if (live.isFull) {
        live.refused();
        throw new ApiProblem(
          'unavailable',
          `${live.watchers} pages watch already, as many as controlPlane.consoleWatchers allows: close one, or raise it`,
        );
      }
      // Takes its place now: of requests that came together none would see another's later.
      const messages = live.follow(after, signal);
      return { as: 'events', stream: () => messages };
    },
  ),
];
