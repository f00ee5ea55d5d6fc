/** How long a pod that is told to end stays; in seconds. */
export interface DrainTimes {
  /** At least this long, so that balancers look away. */
  leastSeconds: number;
  /** At most this long for calls and streams to finish. */
  mostSeconds: number;
}

/**
 * Envoy's preStop hook, a bash script. It tells clients to go, and ends when no request is active, but not before balancers had time to
 * look away. In Envoy's image only bash can speak HTTP.
 */
export const envoyDrain = (adminPort: number, { leastSeconds, mostSeconds }: DrainTimes): string =>
  [
    `ask() { exec 3<>/dev/tcp/127.0.0.1/${adminPort} && printf '%s HTTP/1.1\\r\\nhost: localhost\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n' "$1" >&3; }`,
    `ask 'POST /healthcheck/fail'`,
    `sleep ${leastSeconds}`,
    `while [ $SECONDS -lt ${mostSeconds} ] && ask 'GET /stats?filter=^http.mcp.downstream_rq_active$'`,
    'do busy=0',
    'while IFS= read -r line <&3',
    'do case $line in *rq_active:*) busy=${line##*: };; esac',
    'done',
    '[ "$busy" -eq 0 ] && break',
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
