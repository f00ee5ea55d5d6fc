export interface Announced {
  seconds: number;
  /** Public URL of each gateway node, by name. */
  gateways: Array<{ name: string; url: string; pids: number[] }>;
  servers: string[];
  /** Replicas that were started here. */
  replicas: Array<{ name: string; pid: number }>;
  controlPlaneUrl: string;
  folder: string;
}

/** What `npm start` prints once everything is up. Pure. */
export function announcement({ seconds, gateways, servers, replicas, controlPlaneUrl, folder }: Announced): string {
  const width = Math.max(...servers.map((name) => name.length)) + 2;
  const first = gateways[0]!;
  const urls = servers.map(
    (server) => `  ${server.padEnd(width)}${gateways.map(({ url }) => `${url}/mcp/${server}`).join('   ')}`,
  );
  const lines = [`Holdfast is up (${seconds.toFixed(1)} s). MCP clients connect to any of`, '', ...urls, ''];
  if (replicas.length > 0) {
    lines.push(
      'Try, in a second terminal:',
      '',
      '  1. Watch one session of an official client, a call every second, over all gateways in turn; each line names the replica:',
      '',
      `       npm run session -- ${gateways.map(({ url }) => url).join(' ')}`,
      '',
      '  2. Kill the replica that it lives on; the session goes on elsewhere, under the same id:',
      '',
      ...replicas
        .filter(({ name }) => name.startsWith(`${servers[0]}-`))
        .map(({ name, pid }) => `       kill -9 ${pid}   # ${name}`),
      '',
    );
    lines.push(
      gateways.length > 1
        ? `  3. Kill a whole gateway node, Envoy and sidecar; the session goes on over the other:\n\n       kill -9 ${first.pids.join(' ')}   # ${first.name}`
        : `  3. Ask how everything is:\n\n       curl ${first.url}/health`,
    );
    lines.push('');
  }
  lines.push(`See it in a browser: ${controlPlaneUrl}/console`);
  lines.push('See and operate it: npx holdfast status, npx holdfast doctor, npx holdfast --help.');
  lines.push(
    `Health and metrics: ${first.url}/health, ${controlPlaneUrl}/health, ${controlPlaneUrl}/metrics. Logs: ${folder}`,
    'Ctrl-C ends everything.',
  );
  return lines.join('\n');
}
