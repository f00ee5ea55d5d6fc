import type { Breaker, Replica, Rollout, Server } from '../model.ts';
import type { Action } from './confirm.tsx';
import { count, dateAndTime } from './words.ts';

const DRAIN_MS = 60_000;
const AGAIN = 'Press “Take in again”.';

/** How many others of the server take sessions, without this one. */
const othersOf = (server: Server, name: string): number =>
  server.replicas.filter((each) => each.name !== name && each.state === 'active').length;

export function drainReplica(server: Server, replica: Replica, sessions: number): Action {
  const others = othersOf(server, replica.name);
  return {
    title: `Drain ${replica.name} of ${server.name}`,
    effects: [
      'It takes no new sessions from now on.',
      `Calls in flight on it finish, for up to ${DRAIN_MS / 1000} seconds.`,
      others > 0
        ? `Its ${count(sessions, 'session')} move to ${count(others, 'other replica')} with the next request of their client. Clients keep their session ids and notice nothing.`
        : `No other replica takes sessions: its ${count(sessions, 'session')} stay, and new clients of ${server.name} get an error until one is back.`,
    ],
    undo: AGAIN,
    button: 'Drain',
    isGrave: others === 0,
    path: '/v1/drains',
    body: { target: { kind: 'replica', server: server.name, replica: replica.name }, deadlineMs: DRAIN_MS },
  };
}

export const undrainReplica = (server: string, replica: string): Action => ({
  title: `Take ${replica} of ${server} in again`,
  effects: ['It takes its share of new sessions again.', 'Sessions that moved away stay where they are.'],
  undo: 'Drain it again.',
  button: 'Take in again',
  path: '/v1/undrain',
  body: { target: { kind: 'replica', server, replica } },
});

export const drainGateway = (gateway: string, others: number): Action => ({
  title: `Drain gateway ${gateway}`,
  effects: [
    'Edges send it no new requests, and its Envoy stops listening; open requests go on.',
    others > 0
      ? `${count(others, 'other gateway')} ${others === 1 ? 'goes' : 'go'} on with the same sessions.`
      : 'It is the only gateway: no client reaches any server until it is taken in again.',
  ],
  undo: AGAIN,
  button: 'Drain',
  isGrave: others === 0,
  path: '/v1/drains',
  body: { target: { kind: 'gateway', gateway }, deadlineMs: DRAIN_MS },
});

export const undrainGateway = (gateway: string): Action => ({
  title: `Take gateway ${gateway} in again`,
  effects: ['Its Envoy listens again, and edges send it requests.'],
  undo: 'Drain it again.',
  button: 'Take in again',
  path: '/v1/undrain',
  body: { target: { kind: 'gateway', gateway } },
});

const BREAKER_EFFECTS = {
  'force-open': [
    'Every gateway stops sending it calls, within a second.',
    'A tool’s calls are refused with an error; a replica’s sessions move to others.',
    'It stays open until an operator resets it.',
  ],
  reset: ['The breaker closes, and calls go through.', 'It opens again by itself when calls fail.'],
} as const;

export const orderBreaker = (
  { server, level, key }: Pick<Breaker, 'server' | 'level' | 'key'>,
  command: keyof typeof BREAKER_EFFECTS,
  name = key,
): Action => ({
  title: `${command === 'reset' ? 'Close' : 'Hold open'} the breaker of ${level} ${name} of ${server}`,
  effects: BREAKER_EFFECTS[command],
  undo: command === 'reset' ? 'Hold it open again.' : 'Press “Reset”.',
  button: command === 'reset' ? 'Reset' : 'Hold open',
  isGrave: command === 'force-open',
  path: '/v1/breakers',
  body: { server, level, key, command },
});

const ROLLOUT_EFFECTS: Record<string, (plan: Rollout['plan']) => string[]> = {
  pause: ({ from, to }) => [
    `It stays at its step: ${from} and ${to} keep their shares.`,
    'Analysis goes on, and may still roll back.',
  ],
  resume: () => ['It goes on from its step. What held it counts as approved.'],
  promote: ({ to }) => [
    `All new sessions go to ${to} at once, whatever its figures say.`,
    'Existing sessions stay where they are.',
  ],
  abort: ({ from, to }) => [
    `All new sessions go to ${from} again, at once.`,
    `Sessions on ${to} are rebuilt on ${from}, unless the plan leaves them.`,
  ],
  clear: () => ['The rollout is forgotten.', 'The weights of the configuration are in force again.'],
};

export const commandRollout = ({ plan }: Rollout, command: string): Action => ({
  title: `${command[0]?.toUpperCase()}${command.slice(1)} the rollout of ${plan.server}`,
  effects: ROLLOUT_EFFECTS[command]?.(plan) ?? [],
  undo: command === 'pause' ? 'Press “Resume”.' : 'Start a rollout the other way.',
  button: `${command[0]?.toUpperCase()}${command.slice(1)}`,
  isGrave: command === 'promote' || command === 'abort',
  path: `/v1/rollouts/${encodeURIComponent(plan.server)}/${command}`,
  body: {},
});

export const startRollout = (server: string, from: string, to: string): Action => ({
  title: `Roll ${server} out from ${from} to ${to}`,
  effects: [
    `New sessions move to ${to} in steps of 10, 50 and 100 %, a minute each at least.`,
    'Each step is judged by errors, p99, initialize and recoveries; two failed analyses in a row roll it back.',
    `Existing sessions on ${from} stay there.`,
  ],
  undo: '“Abort” on this page moves new sessions back at once.',
  button: 'Start',
  path: '/v1/rollouts',
  body: { server, from, to },
});

export const rollBackConfig = (version: number, acceptedAtMs: number): Action => ({
  title: `Put configuration version ${version} in place again`,
  effects: [
    `The file is replaced by the version of ${dateAndTime(acceptedAtMs)}, and read like any change of it.`,
    'What is not in that version, such as a server that was added since, goes out of the mesh.',
  ],
  undo: 'Put the present version in place again; it stays in the list.',
  button: 'Roll back',
  isGrave: true,
  path: '/v1/config/rollback',
  body: { version },
});
