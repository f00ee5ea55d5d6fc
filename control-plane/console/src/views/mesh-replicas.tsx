import type { Replica, Server } from '../model.ts';
import { count, perSecond, STATE_WORDS } from '../ui/words.ts';

type ReplicaRates = ReadonlyMap<string, { perSecond: number }>;

/** With more replicas each is a square, which says by its colour how it is. */
const CARDS_UP_TO = 12;

/** The replicas of one server, each with its state, its sessions and its calls. */
export function Replicas({
  server,
  counts,
  rates,
}: {
  server: Server;
  counts: Record<string, number>;
  rates: ReplicaRates;
}) {
  const known = new Set(server.replicas.map(({ slot }) => slot));
  const left = Object.entries(counts)
    .filter(([slot]) => !known.has(slot))
    .reduce((sum, [, each]) => sum + each, 0);
  const isLarge = server.replicas.length > CARDS_UP_TO;
  return (
    <div class="replica-area">
      {isLarge && <p class="sub">{summary(server)}</p>}
      <ul class={isLarge ? 'squares' : 'replicas'} aria-label={`Replicas of ${server.name}`}>
        {server.replicas.map((replica) =>
          isLarge ? (
            <li
              key={replica.slot}
              data-slot={`${server.name}/${replica.slot}`}
              class={`square ${replica.state}`}
              title={words(replica, counts[replica.slot] ?? 0)}
            />
          ) : (
            <Card
              key={replica.slot}
              server={server.name}
              replica={replica}
              sessions={counts[replica.slot] ?? 0}
              calls={rates.get(`${server.name}/${replica.slot}`)?.perSecond ?? 0}
            />
          ),
        )}
      </ul>
      {left > 0 && (
        <p class="sub left-over" data-slot={`${server.name}/gone`}>
          {count(left, 'session')} of replicas that are gone. Each is rebuilt with its client’s next request.
        </p>
      )}
    </div>
  );
}

const words = ({ name, state, detail }: Replica, sessions: number): string =>
  `${name}: ${STATE_WORDS[state] ?? state}, ${count(sessions, 'session')}${detail ? `. ${detail}` : ''}`;

const summary = ({ replicas }: Server): string =>
  [...Map.groupBy(replicas, ({ state }) => state)]
    .map(([state, each]) => `${each.length} ${STATE_WORDS[state] ?? state}`)
    .join(', ');

function Card({
  server,
  replica,
  sessions,
  calls,
}: {
  server: string;
  replica: Replica;
  sessions: number;
  calls: number;
}) {
  return (
    <li
      class={`card replica ${replica.state}`}
      data-slot={`${server}/${replica.slot}`}
      title={words(replica, sessions)}
    >
      <span class="name">
        <span class={`dot ${replica.state}`} /> {replica.name}
      </span>
      <span class="sub">{STATE_WORDS[replica.state]}</span>
      <span class="sub">
        {count(sessions, 'session')} · {perSecond(calls)}
      </span>
    </li>
  );
}
