import { signal } from '@preact/signals';
import { events, servers } from '../live/state.ts';
import type { MeshEvent } from '../model.ts';
import { filtered } from './filter-events.ts';
import { clock, dateAndTime, machineTime } from '../ui/words.ts';

const text = signal('');
const server = signal('');
const level = signal('');
const kind = signal('');
const SHOWN = 300;

export function EventsView() {
  const found = filtered(events.value, {
    text: text.value,
    server: server.value,
    level: level.value,
    kind: kind.value,
  });
  const kinds = [...new Set(events.value.map((event) => event.kind.split('.')[0] ?? ''))].sort();
  return (
    <>
      <h1>Events</h1>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Text
          <input
            type="search"
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <Choice label="Server" value={server} options={servers.value.map(({ name }) => name)} />
        <Choice label="About" value={kind} options={kinds} />
        <Choice label="Level" value={level} options={['info', 'warning', 'error']} />
        <p class="amount" role="status">
          {found.length} of {events.value.length}
        </p>
      </form>
      <EventList events={found.slice(0, SHOWN)} />
    </>
  );
}

function Choice({ label, value, options }: { label: string; value: { value: string }; options: readonly string[] }) {
  return (
    <label>
      {label}
      <select
        value={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.value;
        }}
      >
        <option value="">all</option>
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    </label>
  );
}

/** Events as a timeline. */
export function EventList({ events: shown }: { events: readonly MeshEvent[] }) {
  if (shown.length === 0) return <p class="empty">There is no such event.</p>;
  return (
    <ol class="timeline">
      {shown.map((event) => (
        <li key={event.id} class={event.level}>
          <time dateTime={machineTime(event.atMs)} title={dateAndTime(event.atMs)}>
            {clock(event.atMs)}
          </time>
          <span class="kind">{event.kind}</span>
          <span class="message">{event.message}</span>
        </li>
      ))}
    </ol>
  );
}
