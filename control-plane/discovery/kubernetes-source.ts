import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import { familyOf, replicasOf, type EndpointSlice } from './endpoint-slices.ts';
import { chooseFamily, type FamilyChoice } from './family-choice.ts';
import type { ServiceListener } from './namespace-watch.ts';
import type { Source, SourceSink } from './source.ts';

/** Follows a listener's Service until the returned function is called. */
export type FollowService = (config: KubernetesDiscovery, listener: ServiceListener) => () => Promise<void>;

/** Replicas of one Service, from the EndpointSlices that the watch of its namespace tells of. */
export function startKubernetesSource(
  config: KubernetesDiscovery,
  sink: SourceSink,
  follow: FollowService,
  now: () => number,
): Source {
  const name = `Kubernetes ${config.namespace}/${config.service}`;
  let choice: FamilyChoice = { family: null, awaySinceMs: null },
    timer: NodeJS.Timeout | undefined,
    hasAnswered = false;
  const say = (slices: readonly EndpointSlice[]): void => {
    clearTimeout(timer);
    const { againInMs, ...next } = chooseFamily(
      choice,
      familyOf(slices, config.family),
      config.family !== undefined,
      now(),
    );
    choice = next;
    if (againInMs !== null) {
      timer = setTimeout(() => say(slices), againInMs).unref();
      return;
    }
    const problem = emptyProblem(config, slices);
    const found = problem === null ? replicasOf(slices, config.port, choice.family) : { problem };
    if ('replicas' in found) sink.replicas(found.replicas);
    else {
      // The API server did answer: a name that matches nothing must not hold up all other servers of the mesh.
      if (!hasAnswered) sink.replicas([]);
      sink.problem(`${name}: ${found.problem}`);
    }
    hasAnswered = true;
  };
  const unfollow = follow(config, {
    service: config.service,
    slices: say,
    problem: (text) => sink.problem(`${name}: ${text}`),
  });
  return {
    stop: () => {
      clearTimeout(timer);
      return unfollow();
    },
  };
}

/** Why these slices can't name any replica, whatever their endpoints; null when they can. */
function emptyProblem(
  { service, namespace, family }: KubernetesDiscovery,
  slices: readonly EndpointSlice[],
): string | null {
  if (slices.length === 0)
    return `there is no Service ${service} in the namespace ${namespace}, or it has no selector and nobody writes its EndpointSlices`;
  const types = new Set(slices.map(({ addressType }) => addressType ?? 'IPv4'));
  if (types.size === 1 && types.has('FQDN'))
    return 'its EndpointSlices hold names, not addresses: use `discovery: {type: dns}`';
  if (family !== undefined && !types.has(family)) return `it has no ${family} addresses, only ${[...types].join(', ')}`;
  return null;
}
