import type { Mesh } from '../mesh/start-mesh.ts';

/** Closes a tool's breaker on every gateway, as `holdfast breaker reset` does. */
export async function resetToolBreaker(mesh: Mesh, server: string, tool: string): Promise<void> {
  await fetch(`${mesh.controlPlane.adminUrl}/v1/breakers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ server, level: 'tool', key: tool, command: 'reset' }),
  });
}
