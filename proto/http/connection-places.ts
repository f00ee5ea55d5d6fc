import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * A server takes `most` connections at a time. When all places are taken, the connection that has been without a
 * request for longest makes room for the new one. So nobody who only connects keeps out those who ask. A request that
 * is being answered keeps its place.
 */
export function keepPlaces(server: Server, most: number): void {
  /** In the order in which they were last heard of. */
  const idle = new Set<Socket>();
  const busy = new Map<Socket, number>();
  server.on('connection', (socket) => {
    if (idle.size + busy.size >= most) {
      const [longest = socket] = idle;
      idle.delete(longest);
      longest.destroy();
      if (longest === socket) return;
    }
    idle.add(socket);
    socket.once('close', () => {
      idle.delete(socket);
      busy.delete(socket);
    });
  });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    busy.set(socket, (busy.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (busy.get(socket) ?? 1) - 1;
      if (left > 0) busy.set(socket, left);
      else if (busy.delete(socket) && !socket.destroyed) idle.add(socket);
    });
  });
}
