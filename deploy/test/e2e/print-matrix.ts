import { isDeepStrictEqual } from 'node:util';
import { CLIENT_KINDS, SERVER_KINDS, canTalk } from './matrix.ts';
import { seenBothWays, startMatrixMesh } from './matrix-cell.ts';

// Every official client with every official server, as a Markdown table. It tells the revision that they agree on, and
// whether the client sees the same through the mesh as without it. Exit code 1 when one of them does not.
const mesh = await startMatrixMesh();
let different = 0;
try {
  const rows = await Promise.all(
    SERVER_KINDS.map(async (server) => {
      const cells: string[] = [];
      for (const client of CLIENT_KINDS) {
        if (!canTalk(client, server)) {
          cells.push('–');
          continue;
        }
        const outcome = await seenBothWays(mesh, client, server.name).catch((error: unknown) => error as Error);
        if (!(outcome instanceof Error) && isDeepStrictEqual(outcome.through, outcome.direct)) {
          cells.push(
            `same${outcome.direct['protocolVersion'] === undefined ? '' : `, ${String(outcome.direct['protocolVersion'])}`}`,
          );
          continue;
        }
        different += 1;
        cells.push('different');
        console.error(
          `${client} with ${server.name}: ${outcome instanceof Error ? outcome.message : JSON.stringify(outcome)}`,
        );
      }
      return [server.name, ...cells];
    }),
  );
  for (const line of [['server \\ client', ...CLIENT_KINDS], ['---', ...CLIENT_KINDS.map(() => '---')], ...rows])
    console.log(`| ${line.join(' | ')} |`);
} finally {
  await mesh.close();
}
process.exitCode = different === 0 ? 0 : 1;
