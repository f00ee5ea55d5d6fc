/** How long a pod that is told to end stays; in seconds. */
export interface DrainTimes {
  /** At least this long, so that balancers look away. */
  leastSeconds: number;
  /** At most this long for calls and streams to finish. */
  mostSeconds: number;
}

/**
 * How long a connection may stay open without a request before Envoy ends all the same, in seconds. An answer that began before the drain did not
 * say that its connection closes, so its client may call there again. Most clients give up an idle connection sooner.
 */
const IDLE_SECONDS = 5;

/**
 * Envoy's preStop hook, a bash script. It tells clients to go, and ends when no request is active and their connections are closed or idle. That is
 * not before balancers had time to look away. In Envoy's image only bash can speak HTTP.
 */
export const envoyDrain = (adminPort: number, { leastSeconds, mostSeconds }: DrainTimes): string =>
  [
    `ask() { exec 3<>/dev/tcp/127.0.0.1/${adminPort} && printf '%s HTTP/1.1\\r\\nhost: localhost\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n' "$1" >&3; }`,
    `ask 'POST /healthcheck/fail'`,
    `sleep ${leastSeconds}`,
    'idle=0',
    `while [ $SECONDS -lt ${mostSeconds} ] && ask 'GET /stats?filter=^http.mcp.downstream_(cx|rq)_active$'`,
    'do busy=0 open=0',
    'while IFS= read -r line <&3',
    'do case $line in *rq_active:*) busy=${line##*: };; *cx_active:*) open=${line##*: };; esac',
    'done',
    '[ "$busy" -eq 0 ] && ((idle += 1)) || idle=0',
    `[ "$busy" -eq 0 ] && { [ "$open" -eq 0 ] || [ "$idle" -gt ${IDLE_SECONDS} ]; } && break`,
    'sleep 1',
    'done',
    'true',
  ].join('\n');

/**
 * The sidecar's preStop hook, for `node -e`: neighbours are told, and the hook ends when its Envoy has, which needs it until then. `drainTokenFile`:
 * what the sidecar wants to be shown.
 */
export const sidecarDrain = (
  adminPort: number,
  envoyAdminPort: number,
  drainTokenFile: string,
  { leastSeconds, mostSeconds }: DrainTimes,
): string =>
  [
    `const authorization = 'Bearer ' + require('fs').readFileSync('${drainTokenFile}')`,
    `fetch('http://127.0.0.1:${adminPort}/drain', { method: 'POST', headers: { authorization } }).catch(() => {})`,
    `setTimeout(() => process.exit(), ${(mostSeconds + 5) * 1000})`,
    `const look = () => require('net').connect(${envoyAdminPort}, '127.0.0.1').on('error', () => process.exit()).on('connect', function () { this.destroy(); setTimeout(look, 500); })`,
    `setTimeout(look, ${leastSeconds * 1000})`,
  ].join('; ');
