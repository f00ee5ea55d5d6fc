/**
 * The gRPC server of the sidecar in a process of its own: `server.ts SOCKET`. It knows no server of the mesh, so each question has an answer
 * at once. Its parent asks by IPC how many calls are open.
 */
import { accessLogReceiver } from '../../../../sidecar/outcome/access-log-receiver.ts';
import { sampleIdentities } from '../../../../sidecar/principal/testing/sample-identities.ts';
import { UNLIMITED } from '../../../../sidecar/budget/new-sessions.ts';
import { Arrivals } from '../../../../sidecar/ext-proc/arrivals.ts';
import { startExtProc } from '../../../../sidecar/ext-proc/start-ext-proc.ts';

const [, , socket = ''] = process.argv;
const extProc = await startExtProc({
  server: () => undefined,
  directory: {} as never,
  relay: '127.0.0.1:1',
  identities: sampleIdentities(),
  arrivals: new Arrivals(),
  sessions: UNLIMITED,
  refused: () => undefined,
  now: Date.now,
  random: Math.random,
  onError: () => undefined,
  metrics: { extProc: () => undefined, extProcStreams: () => undefined },
  gate: () => ({ kind: 'admit', permit: null }),
  release: () => undefined,
  onCreated: () => undefined,
  addresses: [socket],
  isPlain: true,
  accessLogs: accessLogReceiver({
    bus: { publish: () => true, isBusy: false, whenIdle: () => Promise.resolve() },
    backendOf: () => null,
    onEntries: () => undefined,
  }),
});
process.on('message', () => process.send?.({ openCalls: extProc.openStreams }));
process.on('disconnect', () => process.exit());
process.send?.({ openCalls: 0 });
