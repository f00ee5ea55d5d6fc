import { signal } from '@preact/signals';
import { get } from '../live/api.ts';
import { events, servers } from '../live/state.ts';
import type { Session } from '../model.ts';
import { ago, dateAndTime } from '../ui/words.ts';
import { EventList } from './events.tsx';
import { Head } from '../ui/head.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { useLoaded } from './load.ts';

const server = signal('');
const round = signal(0);
const SHOWN = 200;

/** Sessions by their digest, last active first; never by their ids. */
export function SessionsView() {
  const query = `/v1/sessions?limit=${SHOWN}${server.value === '' ? '' : `&server=${encodeURIComponent(server.value)}`}`;
  const found = useLoaded(`${query} ${round.value}`, () => get<Session[]>(query));
  return (
    <>
      <h1>Sessions</h1>
      <p class="lead">A session is named by the digest of its id: who reads this can’t use it.</p>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          const data = new FormData(event.currentTarget);
          const digest = String(data.get('digest') ?? '').trim();
          const of = server.value || servers.value[0]?.name;
          if (/^[0-9a-f]{64}$/.test(digest) && of) location.hash = `#/session/${encodeURIComponent(of)}/${digest}`;
        }}
      >
        <label>
          Server
          <select
            value={server.value}
            onChange={(event) => {
              server.value = event.currentTarget.value;
            }}
          >
            <option value="">all</option>
            {servers.value.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Digest
          <input
            name="digest"
            size={40}
            pattern="[0-9a-f]{64}"
            title="64 hexadecimal digits: SHA-256 of the session id"
          />
        </label>
        <button type="submit">Find</button>
        <button type="button" onClick={() => round.value++}>
          Look again
        </button>
      </form>
      {found.kind === 'waiting' && <p class="empty">Looking …</p>}
      {found.kind === 'failed' && <p class="problem">{found.why}</p>}
      {found.kind === 'here' && <SessionTable sessions={found.value} />}
    </>
  );
}

const replicaOf = ({ server: of, slot, replica }: Session): string =>
  replica ??
  servers.value.find(({ name }) => name === of)?.replicas.find((each) => each.slot === slot)?.name ??
  'a replica that is gone';

function SessionTable({ sessions }: { sessions: readonly Session[] }) {
  if (sessions.length === 0) return <p class="empty">No session lives.</p>;
  return (
    <Scroll label="Sessions">
      <table>
        <Head columns={['Session', 'Server', 'Lives on', 'Client', { number: 'Moved' }, 'Began', 'Last spoke']} />
        <tbody>
          {sessions.map((session) => (
            <tr key={session.digest}>
              <th scope="row">
                <a href={`#/session/${encodeURIComponent(session.server)}/${session.digest}`}>
                  <code>{session.digest.slice(0, 12)}</code>
                </a>
              </th>
              <td>{session.server}</td>
              <td>{replicaOf(session)}</td>
              <td>{session.client || '–'}</td>
              <td class="number">{timesMoved(session)}</td>
              <td>{ago(session.createdAtMs)}</td>
              <td>{ago(session.lastActivityMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The epoch grows by one with each upstream session. */
const timesMoved = ({ epoch }: Session): number => Math.max(0, epoch - 1);

/** One session: what its record says, and what happened to its replica since it began. */
export function SessionView({ of, digest }: { of: string; digest: string }) {
  const path = `/v1/sessions/${encodeURIComponent(of)}/${digest}`;
  const found = useLoaded(path, () => get<Session>(path));
  if (found.kind === 'waiting') return <p class="empty">Looking …</p>;
  if (found.kind === 'failed') return <p class="problem">{found.why}</p>;
  const session = found.value;
  const facts: [string, string][] = [
    ['Server', session.server],
    ['Lives on', `${replicaOf(session)} (${session.backend})`],
    ['Client', session.client || '–'],
    ['Protocol', session.protocolVersion],
    ['Began', dateAndTime(session.createdAtMs)],
    ['Last spoke', `${dateAndTime(session.lastActivityMs)}, ${ago(session.lastActivityMs)}`],
    ['Moved to another replica', `${timesMoved(session)} times`],
    ['Listens on a stream', session.hasGetStream ? 'yes' : 'no'],
    ['Ended by its client', session.isEnded ? 'yes' : 'no'],
  ];
  return (
    <>
      <h1>
        Session <code>{digest.slice(0, 12)}</code>
      </h1>
      <dl class="facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h2>What happened to {session.server} since it began</h2>
      <EventList
        events={events.value
          .filter((event) => event.server === session.server && event.atMs >= session.createdAtMs)
          .toReversed()}
      />
    </>
  );
}
