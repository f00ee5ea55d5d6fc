import type { AttackCase } from '../attack-case.ts';
import { allPlaces } from './all-places.ts';
import { amplification } from './amplification.ts';
import { breakerPoisoning } from './breaker-poisoning.ts';
import { callbacks } from './callbacks.ts';
import { cardinality } from './cardinality.ts';
import { certifiedMembers } from './certified-members.ts';
import { controlPorts } from './control-ports.ts';
import { deletes } from './deletes.ts';
import { eventIds } from './event-ids.ts';
import { fleetLimits } from './fleet-limits.ts';
import { forgedPrincipal } from './forged-principal.ts';
import { freeSessions } from './free-sessions.ts';
import { getStreams } from './get-streams.ts';
import { httpDuties } from './http-duties.ts';
import { httpSseWrites } from './http-sse-writes.ts';
import { meshErrors } from './mesh-errors.ts';
import { oddHosts, oddUrls } from './odd-urls.ts';
import { oneRequest } from './one-request.ts';
import { origins, preflight } from './origins.ts';
import { redisUser } from './redis-user.ts';
import { rogueMembers } from './rogue-members.ts';
import { sessionTransplant, tokenRefresh } from './session-transplant.ts';
import { sessionRecords } from './session-records.ts';
import { sharedCache } from './shared-cache.ts';
import { shippedFiles } from './shipped-files.ts';
import { slowBodies } from './slow-bodies.ts';
import { slowStreams } from './slow-streams.ts';
import { tokens } from './tokens-and-scopes.ts';
import { unboundForm, unboundPlain } from './unbound-form.ts';

/** Every attack, in the order they run. */
export const CASES: readonly AttackCase[] = [
  ...oneRequest,
  ...oddUrls,
  ...oddHosts,
  ...forgedPrincipal,
  ...unboundForm,
  ...unboundPlain,
  ...httpSseWrites,
  ...sessionTransplant,
  tokenRefresh,
  ...eventIds,
  ...deletes,
  ...origins,
  preflight,
  ...callbacks,
  ...getStreams,
  ...amplification,
  ...sharedCache,
  ...cardinality,
  ...breakerPoisoning,
  ...controlPorts,
  ...rogueMembers,
  ...sessionRecords,
  ...certifiedMembers,
  ...tokens,
  ...redisUser,
  ...shippedFiles,
  ...httpDuties,
  ...meshErrors,
  ...freeSessions,
  ...slowBodies,
  slowStreams,
  ...allPlaces,
  ...fleetLimits,
];

/** Inputs of each group that a test of every change tries. */
const QUICK_INPUTS = 2;
const groupOf = ({ name }: AttackCase): string => name.slice(0, name.indexOf('/'));

/** Two of each group, without those that take long: `--quick`, and the suite. */
export const QUICK_CASES: readonly AttackCase[] = [
  ...Map.groupBy(
    CASES.filter(({ isSlow }) => isSlow !== true),
    groupOf,
  ).values(),
].flatMap((group) => group.slice(0, QUICK_INPUTS));
