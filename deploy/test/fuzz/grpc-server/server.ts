/**
 * The gRPC server of the sidecar in a process of its own: `server.ts SOCKET`. It knows no server of the mesh. Its parent
 * asks by IPC how many calls are open.
 */
import { accessLogReceiver } from '../../../../sidecar/outcome/access-log-receiver.ts';
import { startExtProc } from '../../../../sidecar/ext-proc/start-ext-proc.ts';
import { idleExtProc } from '../../../../sidecar/ext-proc/testing/idle-ext-proc.ts';

const [, , socket = ''] = process.argv;
const extProc = await startExtProc({
  ...idleExtProc(),
  onError: () => undefined,
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
