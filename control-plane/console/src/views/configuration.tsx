import { signal } from '@preact/signals';
import { get } from '../live/api.ts';
import { events, rates } from '../live/state.ts';
import type { ConfigVersion } from '../model.ts';
import { rollBackConfig } from '../ui/actions.ts';
import { ask } from '../ui/confirm.tsx';
import { dateAndTime } from '../ui/words.ts';
import { Head } from '../ui/head.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { useLoaded } from './load.ts';

const LOOK_EVERY_MS = 5000;
const chosen = signal<number | null>(null);

interface Diff {
  lines: string[];
}

/** Every configuration that was accepted, what changed since, and what is wrong with the file as it is. */
export function ConfigurationView() {
  // A change of the configuration is an event: the list is read again then.
  const changes = events.value.filter(({ kind }) => kind.startsWith('config.')).length;
  const versions = useLoaded(`versions ${changes}`, () => get<ConfigVersion[]>('/v1/config/versions'));
  // A file that is as it was again makes no event: it is looked at every few seconds.
  const look = Math.floor(rates.value.atMs / LOOK_EVERY_MS);
  const present = useLoaded(`config ${changes} ${look}`, () => get<{ file: string; problems: string[] }>('/v1/config'));
  return (
    <>
      <h1>Configuration</h1>
      {present.kind === 'here' && present.value.problems.length > 0 && (
        <section class="findings" aria-label="What is wrong with the file">
          <p>
            <span class="badge bad">Not in force</span> The file has problems; the last good version stays in force.
          </p>
          <ul>
            {present.value.problems.map((problem) => (
              <li key={problem} class="finding bad">
                <code>{problem}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      {versions.kind === 'failed' && <p class="problem">{versions.why}</p>}
      {versions.kind === 'here' && <Versions versions={versions.value} />}
    </>
  );
}

function Versions({ versions }: { versions: readonly ConfigVersion[] }) {
  const newest = versions.at(-1)?.version;
  if (versions.length === 0) return <p class="empty">No version is kept yet: the store was away.</p>;
  return (
    <>
      <Scroll label="Versions">
        <table>
          <Head columns={['Version', 'Accepted', 'By', 'Actions']} />
          <tbody>
            {versions.toReversed().map(({ version, acceptedAtMs, node }) => (
              <tr key={version}>
                <th scope="row">
                  {version} {version === newest && <span class="badge good">in force</span>}
                </th>
                <td>{dateAndTime(acceptedAtMs)}</td>
                <td>{node}</td>
                <td class="actions">
                  <button
                    type="button"
                    class="small"
                    aria-expanded={chosen.value === version}
                    aria-label={`What changed since version ${version}`}
                    onClick={() => {
                      chosen.value = chosen.value === version ? null : version;
                    }}
                  >
                    What changed since
                  </button>
                  {version !== newest && (
                    <button
                      type="button"
                      class="small"
                      aria-label={`Roll back to version ${version}`}
                      onClick={() => ask(rollBackConfig(version, acceptedAtMs))}
                    >
                      Roll back
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {chosen.value !== null && <DiffOf version={chosen.value} />}
    </>
  );
}

function DiffOf({ version }: { version: number }) {
  const path = `/v1/config/diff?from=${version}`;
  const diff = useLoaded(path, () => get<Diff>(path));
  if (diff.kind === 'failed') return <p class="problem">{diff.why}</p>;
  if (diff.kind === 'waiting') return <p class="empty">Comparing …</p>;
  const changed = diff.value.lines.filter((line) => /^[+-]/.test(line)).length;
  return (
    <section>
      <h2>From version {version} to the file as it is</h2>
      {changed === 0 ? (
        <p class="empty">They are the same.</p>
      ) : (
        <Scroll label={`Changes since version ${version}`}>
          <pre class="diff">
            {diff.value.lines.map((line, index) => (
              <div key={index} class={line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : ''}>
                {line || ' '}
              </div>
            ))}
          </pre>
        </Scroll>
      )}
    </section>
  );
}
