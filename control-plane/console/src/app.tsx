import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { forgetToken, needsToken, token, useToken } from './live/api.ts';
import { checks, mesh, rates } from './live/state.ts';
import { connection } from './live/stream.ts';
import { ConfirmDialog, Told } from './ui/confirm.tsx';
import { ChecksView } from './views/checks.tsx';
import { ConfigurationView } from './views/configuration.tsx';
import { EventsView } from './views/events.tsx';
import { MeshView } from './views/mesh.tsx';
import { RolloutsView } from './views/rollouts.tsx';
import { ServerView } from './views/server.tsx';
import { SessionsView, SessionView } from './views/sessions.tsx';

const route = signal(location.hash);
addEventListener('hashchange', () => {
  route.value = location.hash;
});

const PAGES: readonly [path: string, title: string][] = [
  ['mesh', 'Mesh'],
  ['events', 'Events'],
  ['sessions', 'Sessions'],
  ['rollouts', 'Rollouts'],
  ['configuration', 'Configuration'],
  ['checks', 'Checks'],
];
const VIEWS: Record<string, (rest: string[]) => preact.ComponentChild> = {
  mesh: () => <MeshView />,
  server: ([name = '']) => <ServerView name={name} />,
  events: () => <EventsView />,
  sessions: () => <SessionsView />,
  session: ([of = '', digest = '']) => <SessionView key={digest} of={of} digest={digest} />,
  rollouts: () => <RolloutsView />,
  configuration: () => <ConfigurationView />,
  checks: () => <ChecksView />,
};

function partsOf(hash: string): string[] {
  try {
    return hash.replace(/^#\//, '').split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return [];
  }
}

export function App() {
  const [page = 'mesh', ...rest] = partsOf(route.value);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${rest[0] ?? PAGES.find(([path]) => path === page)?.[1] ?? 'Mesh'} – Holdfast`;
    // Who came by a link of the navigation reads on from the beginning of the page.
    if (isFirst.current) isFirst.current = false;
    else {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  }, [route.value]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        To the content
      </button>
      <header>
        <a class="brand" href="#/mesh">
          <img src="/console/icon.svg" alt="" width="28" height="28" /> Holdfast
        </a>
        <nav aria-label="Pages">
          {PAGES.map(([path, title]) => (
            <a key={path} href={`#/${path}`} aria-current={path === page ? 'page' : undefined}>
              {title}
              {path === 'checks' && <Wrong />}
            </a>
          ))}
        </nav>
        <Status />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {needsToken.value ? <TokenForm /> : (VIEWS[page] ?? (() => <MeshView />))(rest)}
      </main>
      <ConfirmDialog />
      <Told />
    </>
  );
}

function Wrong() {
  const wrong = checks.value.filter(({ verdict }) => verdict === 'bad' || verdict === 'warning').length;
  return wrong > 0 ? <span class="badge bad count">{wrong}</span> : null;
}

function Status() {
  const now = connection.value;
  const info = mesh.value;
  return (
    <div class="status" role="status">
      {now.kind === 'live' ? (
        <span>
          <span class="dot good" /> live
          {info && ` · ${info.id}${info.isLeader ? ' leads' : ''}`}
          {info?.store === 'away' && <strong class="bad"> · Redis is away</strong>}
          {!rates.value.isKnown && info?.store === 'memory' && ' · no call rates without Redis'}
        </span>
      ) : now.kind === 'connecting' ? (
        <span>
          <span class="dot standby" /> connecting …
        </span>
      ) : (
        <span>
          <span class="dot unhealthy" /> not live: {needsToken.value ? 'a token is needed' : now.why}
        </span>
      )}
      {token.value !== null && !needsToken.value && (
        <button type="button" class="small" onClick={forgetToken}>
          Forget the token
        </button>
      )}
    </div>
  );
}

function TokenForm() {
  return (
    <form
      class="token card"
      onSubmit={(event) => {
        event.preventDefault();
        useToken(String(new FormData(event.currentTarget).get('token') ?? '').trim());
      }}
    >
      <h1>Token</h1>
      <p>
        This control plane wants the content of its <code>adminTokenFile</code>. It stays in this tab, and is gone when
        you close it.
      </p>
      {token.value !== null && (
        <p class="problem" role="alert">
          The token was not taken.
        </p>
      )}
      <label>
        Token
        <input name="token" type="password" autoComplete="off" required />
      </label>
      <button type="submit" class="primary">
        Use it
      </button>
    </form>
  );
}
