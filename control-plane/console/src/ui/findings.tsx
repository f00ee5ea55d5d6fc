import { checks } from '../live/state.ts';
import type { Check } from '../model.ts';

const RANK: Record<Check['verdict'], number> = { bad: 0, warning: 1, unknown: 2, good: 3 };
const WORD: Record<Check['verdict'], string> = { bad: 'Bad', warning: 'Warning', unknown: 'Unknown', good: 'Good' };

export const sorted = (all: readonly Check[]): Check[] =>
  [...all].sort((one, other) => RANK[one.verdict] - RANK[other.verdict]);

export function Finding({ check }: { check: Check }) {
  return (
    <li class={`finding ${check.verdict}`}>
      <p>
        <span class={`badge ${check.verdict}`}>{WORD[check.verdict]}</span> <strong>{check.name}</strong>{' '}
        {check.description}
      </p>
      {check.advice && <p class="advice">{check.advice}</p>}
    </li>
  );
}

/** What the checklist found that is wrong, before anything else; one line when all is well. */
export function Findings() {
  const all = checks.value;
  const wrong = sorted(all).filter(({ verdict }) => verdict === 'bad' || verdict === 'warning');
  if (all.length === 0) return null;
  if (wrong.length === 0)
    return (
      <p class="all-well">
        <span class="dot good" /> All is well: <a href="#/checks">{all.length} checks</a>, nothing to do.
      </p>
    );
  return (
    <section class="findings" aria-label="What is wrong">
      <ul>
        {wrong.slice(0, 6).map((check) => (
          <Finding key={`${check.area} ${check.name}`} check={check} />
        ))}
      </ul>
      {wrong.length > 6 && (
        <p>
          <a href="#/checks">{wrong.length - 6} more</a>
        </p>
      )}
    </section>
  );
}
