import { signal } from '@preact/signals';
import { get } from '../live/api.ts';
import { events, servers } from '../live/state.ts';
import type { Session, SessionWithStory, StoryLine } from '../model.ts';
import { ago, clock, count, dateAndTime, duration, machineTime } from '../ui/words.ts';
import { EventList } from './events.tsx';
import { Head } from '../ui/head.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { useLoaded } from './load.ts';

const server = signal('');
const digest = signal('');
const round = signal(0);
const SHOWN = 200;

/** Sessions by their digest, last active first; never by their ids. */
export function SessionsView() {
  const asked = new URLSearchParams({
    limit: String(SHOWN),
    ...(server.value !== '' && { server: server.value }),
    ...(digest.value !== '' && { digest: digest.value }),
  });
  const query = `/v1/sessions?${asked}`;
  const found = useLoaded(`${query} ${round.value}`, () => get<Session[]>(query));
  return (
    <>
      <h1>Sessions</h1>
      <p class="lead">Each session is shown by the digest of its id. With a digest, nobody can use the session.</p>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          digest.value = String(new FormData(event.currentTarget).get('digest') ?? '').trim();
          round.value++;
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
            defaultValue={digest.value}
            pattern="\s*[0-9a-f]{12,64}\s*"
            title="The first 12 hexadecimal digits or more, as in logs and spans; all 64 also find a session that ended"
          />
        </label>
        <button type="submit">Find</button>
      </form>
      {found.kind === 'waiting' && <p class="empty">Loading …</p>}
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
  if (sessions.length === 0)
    return <p class="empty">{digest.value === '' ? 'There is no session.' : 'No session has this digest.'}</p>;
  return (
    <Scroll label="Sessions">
      <table>
        <Head columns={['Session', 'Server', 'Replica', 'Client', { number: 'Moved' }, 'Began', 'Last active']} />
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

/** The epoch begins at 0 and grows by one with each move. */
const timesMoved = ({ epoch }: Session): number => epoch;

/** One session: what its record says, its story, and what happened to its server since it began. */
export function SessionView({ of, digest: which }: { of: string; digest: string }) {
  const path = `/v1/sessions/${encodeURIComponent(of)}/${encodeURIComponent(which)}`;
  const found = useLoaded(path, () => get<SessionWithStory>(path));
  if (found.kind === 'waiting') return <p class="empty">Loading …</p>;
  if (found.kind === 'failed') return <p class="problem">{found.why}</p>;
  const session = found.value;
  const facts: [string, string][] = [
    ['Server', session.server],
    ['Replica', `${replicaOf(session)} (${session.backend})`],
    ['Client', session.client || '–'],
    ['Protocol', session.protocolVersion],
    ['Began', dateAndTime(session.createdAtMs)],
    ['Last active', `${dateAndTime(session.lastActivityMs)}, ${ago(session.lastActivityMs)}`],
    ['Moved to another replica', count(timesMoved(session), 'time')],
    ['Listens on a stream', session.hasGetStream ? 'yes' : 'no'],
    ['Has ended', session.isEnded ? 'yes' : 'no'],
  ];
  return (
    <>
      <h1>
        Session <code>{which.slice(0, 12)}</code>
      </h1>
      <dl class="facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h2>History</h2>
      <Story lines={session.story} />
      <h2>Events of {session.server} since then</h2>
      <EventList
        events={events.value
          .filter((event) => event.server === session.server && event.atMs >= session.createdAtMs)
          .toReversed()}
      />
    </>
  );
}

/** From its beginning to now. How long a move took counts from noticing the loss. */
function Story({ lines }: { lines: readonly StoryLine[] }) {
  return (
    <ol class="timeline story">
      {lines.map((line, index) => (
        <li key={index} class={line.kind === 'moved' ? 'warning' : 'info'}>
          {line.atMs === null ? (
            <span>–</span>
          ) : (
            <time dateTime={machineTime(line.atMs)} title={dateAndTime(line.atMs)}>
              {clock(line.atMs)}
            </time>
          )}
          <span class="kind">{line.kind}</span>
          <span class="message">
            {line.message}
            {line.tookMs !== null && <span class="took">; it took {duration(line.tookMs)}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}
