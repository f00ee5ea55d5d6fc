import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { freePort } from '../../../deploy/test/mesh/free-port.ts';
import { startEnvoy } from '../../../deploy/test/mesh/start-envoy.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import { gatewayResources } from '../../resources/resources-for.ts';
import { staticConfig } from '../../resources/testing/static-config.ts';
import type { TopologySnapshot } from '../../topology/topology.ts';
import type { ExplainedRequest } from '../explain.ts';

/** What Envoy's access log says of one request. */
export interface Logged {
  /** Null: no route took it. */
  route: string | null;
  host: string | null;
  status: number;
}

const NUMBER = 'x-test-number';
/** More at a time would be no quicker on two cores. */
const AT_A_TIME = 16;

/** The route names and hosts that Envoy writes into its access log, one line of JSON per request, in `file`. */
const accessLog = (file: string): object => ({
  name: 'file',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: file,
    log_format: {
      json_format: {
        route: '%ROUTE_NAME%',
        host: '%UPSTREAM_HOST%',
        status: '%RESPONSE_CODE%',
        number: `%REQ(${NUMBER})%`,
      },
    },
  },
});

/** Puts a further access log beside those that the listener has. */
function withAccessLog(value: unknown, log: object): void {
  if (typeof value !== 'object' || value === null) return;
  if ('access_log' in value && Array.isArray(value.access_log)) value.access_log.push(log);
  else
    Object.values(value).forEach((each) => {
      withAccessLog(each, log);
    });
}

/** Sends requests through the real Envoy of a topology, and tells what its access log says of each, in order. Nobody answers ext_proc. */
export async function loggingGateway(t: ExecutionContext, topology: TopologySnapshot, relay: string) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-explain-')),
    log = join(folder, 'access.log'),
    port = await freePort();
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const node = { id: 'gateway-1', role: 'gateway' as const, listen: `127.0.0.1:${port}`, relay: [relay] };
  const resources = gatewayResources(topology, { ...node, extProc: [`127.0.0.1:${await freePort()}`] });
  const config = staticConfig(resources, {}) as Record<string, unknown>;
  withAccessLog(config, accessLog(log));
  const envoy = await startEnvoy({ config, logLevel: 'error' });
  t.teardown(() => envoy.close());
  const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });
  t.teardown(() => {
    agent.destroy();
  });

  const send = ({ method, path, headers }: ExplainedRequest, number: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const hasBody = 'content-length' in headers || 'transfer-encoding' in headers;
      const asked = request(
        { port, method, path, agent, headers: { ...headers, [NUMBER]: String(number) } },
        (response) => {
          response.on('end', resolve).on('error', reject).resume();
        },
      );
      asked.setTimeout(10_000, () => {
        asked.destroy(new Error(`no answer: ${method} ${path} ${JSON.stringify(headers)}`));
      });
      asked.on('error', reject).on('upgrade', (_response, socket) => {
        socket.destroy();
        resolve();
      });
      asked.end(hasBody ? 'x'.repeat(Number(headers['content-length'] ?? 1)) : undefined);
    });

  return async (requests: readonly ExplainedRequest[]): Promise<Logged[]> => {
    const queue = requests.map((each, number) => ({ each, number }));
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) await send(next.each, next.number);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    const lines = await waitFor(
      async () => {
        const whole = (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, -1);
        return whole.length >= requests.length && whole;
      },
      { what: 'a line in the access log for each request', everyMs: 100 },
    );
    const logged: Logged[] = [];
    for (const line of lines) {
      const { number, ...one } = parseJsonObject(line) ?? {};
      logged[Number(number)] = one as unknown as Logged;
    }
    return logged;
  };
}
