import { Finding, sorted } from '../ui/findings.tsx';
import { checks } from '../live/state.ts';

/** Everything that should be watched in production, certificates among it. */
export function ChecksView() {
  const all = sorted(checks.value);
  const areas = [...new Set(all.map(({ area }) => area))];
  return (
    <>
      <h1>Checks</h1>
      <p class="lead">
        What <code>holdfast doctor</code> says, looked at again every ten seconds: servers, gateways, Redis,
        certificates, objectives.
      </p>
      {all.length === 0 && <p class="empty">The first look is under way.</p>}
      {areas.map((area) => (
        <section key={area}>
          <h2>{area}</h2>
          <ul class="plain">
            {all
              .filter((check) => check.area === area)
              .map((check) => (
                <Finding key={check.name} check={check} />
              ))}
          </ul>
        </section>
      ))}
    </>
  );
}
