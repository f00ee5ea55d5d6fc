import { signal } from '@preact/signals';
import { drains, rollouts, servers } from '../live/state.ts';
import { get } from '../live/api.ts';
import type { ContractChange, Drain, DrainTarget, Rollout } from '../model.ts';
import { commandRollout, startRollout, undrainGateway, undrainReplica } from '../ui/actions.ts';
import { ask } from '../ui/confirm.tsx';
import { ago, count } from '../ui/words.ts';
import { useLoaded } from './load.ts';

/** What is on its way from one backend to another, and what is being taken out. */
export function RolloutsView() {
  return (
    <>
      <h1>Rollouts and drains</h1>
      <section>
        <h2>Rollouts</h2>
        {rollouts.value.length === 0 && <p class="empty">No rollout is known.</p>}
        {rollouts.value.map((rollout) => (
          <RolloutCard key={rollout.plan.server} rollout={rollout} />
        ))}
        <StartRollout />
      </section>
      <section>
        <h2>Drains</h2>
        {drains.value.length === 0 && <p class="empty">Nothing is drained.</p>}
        <ul class="plain">
          {drains.value.map((drain) => (
            <DrainRow key={nameOf(drain.target)} drain={drain} />
          ))}
        </ul>
      </section>
    </>
  );
}

const nameOf = (target: DrainTarget): string =>
  target.kind === 'gateway'
    ? target.gateway
    : `${target.server} ${target.kind === 'replica' ? target.replica : `backend ${target.backend}`}`;

function DrainRow({ drain: { target, startedAtMs, doneAtMs, reason, remaining } }: { drain: Drain }) {
  const isOver = doneAtMs !== null;
  return (
    <li class="card wide-card">
      <p>
        <span class={`dot ${isOver ? 'standby' : 'draining'}`} /> <strong>{nameOf(target)}</strong>{' '}
        {isOver ? 'is out' : 'is being drained'}:{' '}
        {isOver || !remaining
          ? reason
          : `${count(remaining.sessions, 'session')} and ${count(remaining.inFlight, 'call')} in flight are left`}
        . Started {ago(startedAtMs)}.
      </p>
      {target.kind !== 'backend' && (
        <button
          type="button"
          class="small"
          onClick={() =>
            ask(
              target.kind === 'gateway'
                ? undrainGateway(target.gateway)
                : undrainReplica(target.server, target.replica),
            )
          }
        >
          Take in again
        </button>
      )}
    </li>
  );
}

const OVER = ['promoted', 'rolled-back', 'aborted'];

const phaseName = ({ phase, steps }: Rollout): string =>
  phase.kind === 'step' ? `step ${(phase.index ?? 0) + 1} of ${steps.length}` : phase.kind.replace('-', ' ');

function RolloutCard({ rollout }: { rollout: Rollout }) {
  const { plan, phase, steps, isPaused } = rollout;
  const isOver = OVER.includes(phase.kind);
  const percent = phase.kind === 'promoted' ? 100 : phase.kind === 'step' ? (steps[phase.index ?? 0] ?? 0) : 0;
  const commands = isOver ? ['clear'] : [isPaused || phase.isHeld ? 'resume' : 'pause', 'promote', 'abort'];
  return (
    <article class="card wide-card">
      <h3>
        {plan.server}: {plan.from} → {plan.to}
      </h3>
      <p>
        <span class={`badge ${phase.kind === 'rolled-back' ? 'bad' : isPaused || phase.isHeld ? 'warning' : 'good'}`}>
          {isPaused ? 'paused' : phase.isHeld ? 'held' : phaseName(rollout)}
        </span>{' '}
        {phase.reason}
      </p>
      <meter min={0} max={100} value={percent} aria-label={`Share of new sessions for ${plan.to}`} />
      <p class="sub">
        {percent} % of new sessions for {plan.to}; strategy {plan.strategy}, steps {steps.join(', ')} %, since{' '}
        {ago(phase.sinceMs)}
      </p>
      {phase.checks && phase.checks.length > 0 && (
        <ul class="plain gates" aria-label="Objectives of this step">
          {phase.checks.map(({ name, isGood, description }) => (
            <li key={name}>
              <span class={`badge ${isGood ? 'good' : 'bad'}`}>{isGood ? 'met' : 'not met'}</span> {description}
            </li>
          ))}
        </ul>
      )}
      <Contract plan={plan} />
      <p class="buttons">
        {commands.map((command) => (
          <button key={command} type="button" class="small" onClick={() => ask(commandRollout(rollout, command))}>
            {command[0]?.toUpperCase()}
            {command.slice(1)}
          </button>
        ))}
      </p>
    </article>
  );
}

/** How the tools of both backends differ, which may hold the rollout before it begins. */
function Contract({ plan: { server, from, to } }: { plan: Rollout['plan'] }) {
  const path = `/v1/contract?${new URLSearchParams({ server, from, to })}`;
  const found = useLoaded(path, () => get<ContractChange[]>(path));
  if (found.kind === 'waiting') return null;
  if (found.kind === 'failed') return <p class="sub">Tools: {found.why}</p>;
  if (found.value.length === 0) return <p class="sub">The tools of both backends are the same.</p>;
  return (
    <details>
      <summary>{count(found.value.length, 'difference')} between the tools of both backends</summary>
      <ul class="plain gates">
        {found.value.map(({ level, tool, description }) => (
          <li key={`${tool} ${description}`}>
            <span class={`badge ${level === 'breaking' ? 'bad' : level === 'warning' ? 'warning' : 'good'}`}>
              {level}
            </span>{' '}
            <code>{tool}</code> {description}
          </li>
        ))}
      </ul>
    </details>
  );
}

const chosen = signal('');

function StartRollout() {
  const able = servers.value.filter(({ backends }) => backends.length > 1);
  const server = able.find(({ name }) => name === chosen.value) ?? able[0];
  if (!server) return <p class="sub">A server with two backends can be rolled out from one to the other.</p>;
  const names = server.backends.map(({ name }) => name);
  return (
    <form
      class="filters"
      aria-label="Start a rollout"
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        ask(startRollout(server.name, String(data.get('from')), String(data.get('to'))));
      }}
    >
      <label>
        Server
        <select
          value={server.name}
          onChange={(event) => {
            chosen.value = event.currentTarget.value;
          }}
        >
          {able.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {(['from', 'to'] as const).map((side) => (
        <label key={`${server.name} ${side}`}>
          {side === 'from' ? 'From' : 'To'}
          <select name={side} defaultValue={names[side === 'from' ? 0 : 1] ?? ''}>
            {names.map((name) => (
              <option key={name} selected={name === names[side === 'from' ? 0 : 1]}>
                {name}
              </option>
            ))}
          </select>
        </label>
      ))}
      <button type="submit">Start a rollout</button>
    </form>
  );
}
