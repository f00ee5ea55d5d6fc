import { useEffect, useRef } from 'preact/hooks';
import { drains, events, mesh, nodes, rates, replicaRates, serverRates, servers, sessions } from '../live/state.ts';
import type { MeshNode, Server } from '../model.ts';
import { drainGateway, undrainGateway } from '../ui/actions.ts';
import { ask } from '../ui/confirm.tsx';
import { Findings } from '../ui/findings.tsx';
import { count, duration, perSecond, percent } from '../ui/words.ts';
import { EventList } from './events.tsx';
import { drawLinks } from './mesh-links.ts';
import { followMoves } from './mesh-moves.ts';
import { Replicas } from './mesh-replicas.tsx';

const EVENTS_SHOWN = 8;

/** The whole mesh as a picture: from the edges over the gateways to each replica, with what flows. */
export function MeshView() {
  return (
    <>
      <h1 class="hidden">Mesh</h1>
      <Findings />
      {servers.value.length === 0 ? (
        <p class="empty">{mesh.value ? 'The control plane does not know any server yet.' : 'Loading …'}</p>
      ) : (
        <Picture />
      )}
      {events.value.length > 0 && (
        <section>
          <h2>Latest events</h2>
          <EventList events={events.value.slice(-EVENTS_SHOWN).toReversed()} />
        </section>
      )}
    </>
  );
}

function Picture() {
  const picture = useRef<HTMLDivElement>(null);
  const lines = useRef<SVGSVGElement>(null);
  const gateways = nodes.value.filter(({ role }) => role === 'gateway');
  const edges = nodes.value.filter(({ role }) => role === 'edge');
  useEffect(() => {
    const [box, svg] = [picture.current, lines.current];
    if (!box || !svg) return;
    const draw = (): void => drawLinks(box, svg);
    const sizes = new ResizeObserver(draw);
    sizes.observe(box);
    const stops = [serverRates.subscribe(() => requestAnimationFrame(draw)), followMoves(box, svg)];
    return () => {
      sizes.disconnect();
      for (const stop of stops) stop();
    };
  }, []);
  return (
    <div class="picture" ref={picture}>
      <svg class="links" ref={lines} aria-hidden="true">
        <g class="paths" />
        <g class="moving" />
      </svg>
      <section class="column" aria-label="Where calls come in">
        <h2>{edges.length > 0 ? 'Edges' : 'Clients'}</h2>
        {edges.length > 0 ? edges.map((edge) => <NodeCard key={edge.id} node={edge} others={0} />) : <Clients />}
      </section>
      <section class="column" aria-label="Gateways">
        <h2>Gateways</h2>
        {gateways.map((gateway) => (
          <NodeCard
            key={gateway.id}
            node={gateway}
            others={gateways.filter(({ id, isDraining }) => id !== gateway.id && !isDraining).length}
          />
        ))}
        {gateways.length === 0 && <p class="empty">No gateway is connected.</p>}
      </section>
      <section class="column wide" aria-label="Servers and their replicas">
        <h2>Servers</h2>
        {servers.value.map((server) => (
          <ServerRow key={server.name} server={server} />
        ))}
      </section>
    </div>
  );
}

function Clients() {
  const all = [...serverRates.value.values()].reduce((sum, row) => sum + row.perSecond, 0);
  return (
    <div class="card node" data-link="edge">
      <span class="name">all clients</span>
      <span class="figure">{rates.value.isKnown ? perSecond(all) : '–'}</span>
    </div>
  );
}

function NodeCard({ node, others }: { node: MeshNode; others: number }) {
  const { id, role, isDraining } = node;
  const calls = rates.value.nodes?.[id] ?? 0;
  const isOut = isDraining || drains.value.some(({ target }) => target.kind === 'gateway' && target.gateway === id);
  return (
    <div class={`card node ${isOut ? 'draining' : ''}`} data-link={role}>
      <span class="name">{id}</span>
      {role === 'gateway' && <span class="figure">{rates.value.isKnown ? perSecond(calls) : '–'}</span>}
      {role === 'gateway' && (
        <button
          type="button"
          class="small"
          aria-label={isOut ? `Take ${id} in again` : `Drain ${id}`}
          onClick={() => ask(isOut ? undrainGateway(id) : drainGateway(id, others))}
        >
          {isOut ? 'Take in again' : 'Drain'}
        </button>
      )}
    </div>
  );
}

function ServerRow({ server }: { server: Server }) {
  const row = serverRates.value.get(server.name);
  const counts = sessions.value?.[server.name] ?? {};
  const taking = server.replicas.filter(({ state }) => state === 'active').length;
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return (
    <article class="server" aria-label={server.name}>
      <a
        class={`card server-card ${taking === 0 ? 'bad' : ''}`}
        data-link="server"
        data-server={server.name}
        href={`#/server/${encodeURIComponent(server.name)}`}
      >
        <span class="name">{server.name}</span>
        <span class="figure">{perSecond(row?.perSecond ?? 0)}</span>
        <span class="sub">
          p99 {duration(row?.p99Ms)} · {percent(row?.errors ?? 0)} errors
        </span>
        <span class="sub">
          {taking} of {server.replicas.length} take sessions{sessions.value ? ` · ${count(all, 'session')}` : ''}
        </span>
      </a>
      <Replicas server={server} counts={counts} rates={replicaRates.value} />
    </article>
  );
}
