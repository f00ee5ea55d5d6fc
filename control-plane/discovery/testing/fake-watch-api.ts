import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EndpointSlice } from '../endpoint-slices.ts';

/**
 * For tests: the list and watch of EndpointSlices as the Kubernetes API documents them. A watch sends what happened
 * after the version that it names. A version older than `oldest` gets an ERROR event of code 410 within HTTP 200. With
 * `gonePlainly` it gets HTTP 410.
 */
export class FakeWatchApi {
  readonly requests: string[] = [];
  gonePlainly = false;
  failsWith: number | null = null;
  /** The message of a failure. */
  failsBecause = 'out of order';
  /** The one token that is good; null: nobody needs one. */
  token: string | null = null;
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #history: Array<{ version: number; line: string }> = [];
  readonly #watches = new Set<ServerResponse>();
  readonly #server: Server = createServer((request, response) => {
    this.#serve(new URL(request.url!, 'http://fake'), request.headers.authorization, response);
  });
  #version = 100;
  #oldest = 0;

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  get watches(): number {
    return this.#watches.size;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  /** `service`: the Service that the slice belongs to. */
  put(name: string, slice: EndpointSlice, service = 'linear'): void {
    const type = this.#slices.has(name) ? 'MODIFIED' : 'ADDED';
    const labels = { 'kubernetes.io/service-name': service };
    const stored = { ...slice, metadata: { name, labels, resourceVersion: String(++this.#version) } };
    this.#slices.set(name, stored);
    this.#tell(type, stored);
  }

  names(): string[] {
    return [...this.#slices.keys()];
  }

  has(name: string): boolean {
    return this.#slices.has(name);
  }

  delete(name: string): void {
    const former = this.#slices.get(name)!;
    const stored = { ...former, metadata: { ...former.metadata, resourceVersion: String(++this.#version) } };
    this.#slices.delete(name);
    this.#tell('DELETED', stored);
  }

  bookmark(): void {
    this.#tell('BOOKMARK', { metadata: { resourceVersion: String(++this.#version) } });
  }

  /** Ends all watches without a word, as an API server does after some minutes. */
  endWatches(): void {
    for (const response of this.#watches) response.end();
  }

  /** Forgets history, changes something behind the watchers' backs, and ends the watches: the next one comes too late. */
  compact(change: () => void): void {
    for (const response of this.#watches) response.end();
    this.#watches.clear();
    change();
    this.#history.length = 0;
    this.#oldest = this.#version;
  }

  #tell(type: string, object: EndpointSlice): void {
    const line = `${JSON.stringify({ type, object: { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', ...object } })}\n`;
    this.#history.push({ version: this.#version, line });
    for (const response of this.#watches) response.write(line);
  }

  #serve(url: URL, authorization: string | undefined, response: ServerResponse): void {
    this.requests.push(`${url.pathname}?${url.searchParams}`);
    const isKnown = this.token === null || authorization === `Bearer ${this.token}`;
    const code = isKnown ? this.failsWith : 401;
    if (code !== null) {
      const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: this.failsBecause };
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
      return;
    }
    response.setHeader('content-type', 'application/json');
    if (url.searchParams.get('watch') !== 'true') {
      const items = [...this.#slices.values()];
      response.end(
        JSON.stringify({
          kind: 'EndpointSliceList',
          apiVersion: 'discovery.k8s.io/v1',
          metadata: { resourceVersion: String(this.#version) },
          items,
        }),
      );
      return;
    }
    const since = Number(url.searchParams.get('resourceVersion'));
    if (since < this.#oldest) {
      const status = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason: 'Expired',
        code: 410,
        message: 'too old resource version',
      };
      if (this.gonePlainly) response.writeHead(410).end(JSON.stringify(status));
      else response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      return;
    }
    response.writeHead(200);
    response.flushHeaders();
    for (const { version, line } of this.#history) if (version > since) response.write(line);
    this.#watches.add(response);
    response.on('close', () => {
      this.#watches.delete(response);
    });
  }
}
