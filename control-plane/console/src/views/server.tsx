import {
  breakers,
  events,
  history,
  objectives,
  rates,
  replicaRates,
  serverRates,
  servers,
  sessions,
  drains,
} from '../live/state.ts';
import type { Replica, Row, Server } from '../model.ts';
import { drainReplica, orderBreaker, undrainReplica } from '../ui/actions.ts';
import { Chart } from '../ui/chart.tsx';
import { ask } from '../ui/confirm.tsx';
import { duration, perSecond, percent, STATE_WORDS } from '../ui/words.ts';
import { Head } from '../ui/head.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { EventList } from './events.tsx';

const EVENTS_SHOWN = 8;

/** One server: what its clients get, and who causes it. */
export function ServerView({ name }: { name: string }) {
  const server = servers.value.find((each) => each.name === name);
  if (!server) return <p class="empty">There is no server {name}.</p>;
  const row = serverRates.value.get(name);
  return (
    <>
      <h1>{name}</h1>
      <Figures server={server} row={row} />
      <Charts name={name} />
      <section>
        <h2>Replicas</h2>
        <ReplicaTable server={server} />
      </section>
      <div class="two">
        <section>
          <h2>Tools, last 10 s</h2>
          <ToolTable server={server} />
        </section>
        <section>
          <h2>Outcomes, last 10 s</h2>
          <Outcomes row={row} />
        </section>
      </div>
      <section>
        <h2>Events</h2>
        <EventList
          events={events.value
            .filter((event) => event.server === name)
            .slice(-EVENTS_SHOWN)
            .toReversed()}
        />
      </section>
    </>
  );
}

function Figures({ server, row }: { server: Server; row: Row | undefined }) {
  const counts = sessions.value?.[server.name];
  const hour = objectives.value.get(server.name)?.counters;
  const figures: [label: string, value: string, bad?: boolean][] = [
    ['calls', perSecond(row?.perSecond ?? 0)],
    ['p50', duration(row?.p50Ms)],
    ['p99', duration(row?.p99Ms)],
    ['errors', percent(row?.errors ?? 0), (row?.errors ?? 0) > 0.1],
    ['sessions', counts ? String(Object.values(counts).reduce((sum, each) => sum + each, 0)) : '–'],
    ['recoveries, 1 h', hour ? String(hour.recoveries) : '–'],
    [
      'answered, 1 h',
      hour && hour.judged > 0 ? percent(1 - hour.failed / hour.judged) : '–',
      hour !== null && hour !== undefined && hour.judged > 0 && hour.failed / hour.judged > 0.001,
    ],
  ];
  return (
    <dl class="figures">
      {figures.map(([label, value, bad]) => (
        <div key={label} class={bad ? 'bad' : ''}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Charts({ name }: { name: string }) {
  // Reading `rates` draws again each second.
  const points = rates.value.atMs > 0 ? (history.get(name) ?? []) : [];
  if (points.length < 2)
    return <p class="empty">Charts begin in a moment, because gateways report calls only while a page is open.</p>;
  const times = points.map(({ atMs }) => atMs / 1000);
  const last = points.at(-1);
  return (
    <div class="two">
      <Chart
        title="Calls per second"
        summary={`${perSecond(last?.perSecond ?? 0)}, of which ${perSecond(last?.failing ?? 0)} failed.`}
        lines={[
          { label: 'all', colour: 'accent' },
          { label: 'errors', colour: 'bad' },
        ]}
        data={[times, points.map((point) => point.perSecond), points.map((point) => point.failing)]}
        format={perSecond}
      />
      <Chart
        title="Duration of calls"
        summary={`Half of the calls take at most ${duration(last?.p50Ms)}, 99 of 100 at most ${duration(last?.p99Ms)}.`}
        lines={[
          { label: 'p50', colour: 'accent' },
          { label: 'p99', colour: 'warning' },
        ]}
        data={[times, points.map((point) => point.p50Ms), points.map((point) => point.p99Ms)]}
        format={duration}
      />
    </div>
  );
}

function ReplicaTable({ server }: { server: Server }) {
  return (
    <Scroll label="Replicas">
      <table>
        <Head
          columns={[
            'Replica',
            'State',
            'Backend',
            { number: 'Sessions' },
            { number: 'Calls' },
            { number: 'p99' },
            'Breaker',
            'Actions',
          ]}
        />
        <tbody>
          {server.replicas.map((replica) => (
            <ReplicaRow key={replica.slot} server={server} replica={replica} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function ReplicaRow({ server, replica }: { server: Server; replica: Replica }) {
  const rate = replicaRates.value.get(`${server.name}/${replica.slot}`);
  const live = sessions.value?.[server.name]?.[replica.slot] ?? 0;
  const breaker = breakers.value.find(
    ({ server: of, level, key }) => of === server.name && level === 'replica' && key === replica.slot,
  );
  const isOut = drains.value.some(
    ({ target }) => target.kind === 'replica' && target.server === server.name && target.replica === replica.name,
  );
  const key = { server: server.name, level: 'replica' as const, key: replica.slot };
  return (
    <tr>
      <th scope="row">{replica.name}</th>
      <td title={replica.detail ?? ''}>
        <span class={`dot ${replica.state}`} /> {STATE_WORDS[replica.state]}
      </td>
      <td>{replica.backend}</td>
      <td class="number">{live}</td>
      <td class="number">{perSecond(rate?.perSecond ?? 0)}</td>
      <td class="number">{duration(rate?.p99Ms)}</td>
      <td>{breaker ? <span class="badge warning">{breaker.state}</span> : 'closed'}</td>
      <td class="actions">
        <button
          type="button"
          class="small"
          aria-label={isOut ? `Take ${replica.name} in again` : `Drain ${replica.name}`}
          onClick={() => ask(isOut ? undrainReplica(server.name, replica.name) : drainReplica(server, replica, live))}
        >
          {isOut ? 'Take in again' : 'Drain'}
        </button>
        <BreakerButton of={key} name={replica.name} isNotClosed={breaker !== undefined} />
      </td>
    </tr>
  );
}

function BreakerButton({
  of,
  name,
  isNotClosed,
}: {
  of: Parameters<typeof orderBreaker>[0];
  name: string;
  isNotClosed: boolean;
}) {
  return (
    <button
      type="button"
      class="small"
      aria-label={isNotClosed ? `Reset the breaker of ${name}` : `Hold open the breaker of ${name}`}
      onClick={() => ask(orderBreaker(of, isNotClosed ? 'reset' : 'force-open', name))}
    >
      {isNotClosed ? 'Reset' : 'Hold open'}
    </button>
  );
}

function ToolTable({ server }: { server: Server }) {
  const called = (rates.value.tools ?? []).filter((row) => row.server === server.name);
  const listed = server.tools ?? [];
  const quiet = listed.filter((tool) => !called.some(({ name }) => name === tool));
  const rows: { name: string; row?: Row }[] = [
    ...called.map((row) => ({ name: row.name ?? '', row })),
    ...quiet.map((name) => ({ name })),
  ];
  if (rows.length === 0) return <p class="empty">No tool is known yet.</p>;
  return (
    <Scroll label="Tools">
      <table>
        <Head
          columns={[
            'Tool or method',
            { number: 'Calls' },
            { number: 'p50' },
            { number: 'p99' },
            { number: 'Errors' },
            'Breaker',
          ]}
        />
        <tbody>
          {rows.map(({ name, row }) => {
            const breaker = breakers.value.find(
              (each) => each.server === server.name && each.level === 'tool' && each.key === name,
            );
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">{perSecond(row?.perSecond ?? 0)}</td>
                <td class="number">{duration(row?.p50Ms)}</td>
                <td class="number">{duration(row?.p99Ms)}</td>
                <td class="number">{percent(row?.errors ?? 0)}</td>
                <td class="actions">
                  {breaker ? (
                    <span class="badge warning">{breaker.state}</span>
                  ) : listed.includes(name) ? (
                    'closed'
                  ) : (
                    '–'
                  )}{' '}
                  {listed.includes(name) && (
                    <BreakerButton
                      of={{ server: server.name, level: 'tool', key: name }}
                      name={name}
                      isNotClosed={breaker !== undefined}
                    />
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Outcomes({ row }: { row: Row | undefined }) {
  const all = Object.entries(row?.outcomes ?? {}).sort(([, one], [, other]) => other - one);
  const total = all.reduce((sum, [, each]) => sum + each, 0);
  if (total === 0) return <p class="empty">No call ended in the last ten seconds.</p>;
  return (
    <ul class="bars">
      {all.map(([outcome, each]) => (
        <li key={outcome}>
          <span>{outcome.replaceAll('_', ' ')}</span>
          <meter min={0} max={total} value={each} aria-label={outcome.replaceAll('_', ' ')} />
          <span class="number">{percent(each / total)}</span>
        </li>
      ))}
    </ul>
  );
}
