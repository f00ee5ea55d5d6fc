const SERVERS = 50,
  REPLICAS = 20;

/** A stream of the console for 50 servers with 20 replicas each; `look` changes rates and some states. */
export function largeMesh(look: number): string {
  const names = Array.from({ length: SERVERS }, (_, index) => `server-${index + 1}`);
  const messages: [event: string, data: unknown][] = [
    [
      'mesh',
      { id: 'plane-1', version: '1', startedAtMs: 0, isLeader: true, leader: 'plane-1', store: 'up', isKnown: true },
    ],
    ['nodes', ['a', 'b', 'c'].map((id) => ({ id: `gateway-${id}`, role: 'gateway', listen: null, isDraining: false }))],
    ...names.map((name, server): [string, unknown] => [
      `server:${name}`,
      {
        ...{ name, guard: ['calls'], onReplicaLoss: 'recover', tools: null },
        backends: [{ name: 'stable', weight: 100, problem: null }],
        replicas: Array.from({ length: REPLICAS }, (_, index) => ({
          ...{ name: `${name}-${index + 1}`, backend: 'stable', slot: `${server}x${index}`, address: '10.0.0.1:3000' },
          state: (server + index + look) % 37 === 0 ? 'unhealthy' : 'active',
          weight: 1,
        })),
      },
    ]),
    [
      'sessions',
      Object.fromEntries(
        names.map((name, server) => [
          name,
          Object.fromEntries(
            Array.from({ length: REPLICAS }, (_, index) => [`${server}x${index}`, 10 + ((index + look) % 5)]),
          ),
        ]),
      ),
    ],
    [
      'rates',
      {
        ...{ atMs: Date.now(), isKnown: true, tools: [], nodes: { 'gateway-a': 400 + look } },
        servers: names.map((server) => ({
          ...{ server, perSecond: 20 + (look % 7), p50Ms: 12, p99Ms: 90, errors: 0.01 },
          outcomes: { success: 99 },
        })),
        replicas: names.flatMap((server, at) =>
          Array.from({ length: REPLICAS }, (_, index) => [server, `${at}x${index}`, 1 + (look % 3), 80, 0]),
        ),
      },
    ],
  ];
  return messages.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
}
