import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiProblem } from './api-problem.ts';

/**
 * Who may ask, beyond what every route of a control port refuses (proto/http/control-request.ts). With a token, anyone who shows it. Without one
 * the API listens on loopback only, and then Host must name this machine.
 */
export function checkAuthorization(request: IncomingMessage, token: string | null): void {
  if (token !== null) {
    const shown = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!isSame(shown, token))
      throw new ApiProblem(
        'unauthorized',
        'send `Authorization: Bearer <token>` with the content of the control plane’s adminTokenFile',
      );
    return;
  }
  const host = (request.headers.host ?? '').replace(/\.?(:\d+)?$/, '').toLowerCase();
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host))
    throw new ApiProblem(
      'forbidden',
      `Host ${host || '(none)'} is not this machine; without a token (controlPlane.adminTokenFile) only 127.0.0.1, ::1 and localhost are`,
    );
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));
