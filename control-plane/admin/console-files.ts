import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sendJson } from '../../proto/http/control-server.ts';
import type { AdminApi } from './api.ts';

/** Where `control-plane/console/build.ts` puts the page. */
const BUILT = fileURLToPath(new URL('../console/dist/', import.meta.url));
const PATH = '/console';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** Nothing inline, nothing from elsewhere, in nobody's frame. The page talks to where it came from. */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

interface File {
  type: string;
  bytes: Buffer;
}

/** Every file below a folder by its path; none where the folder is not there. */
async function filesBelow(folder: string): Promise<Map<string, File>> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const found = new Map<string, File>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type) found.set(name.replaceAll('\\', '/'), { type, bytes: await readFile(join(folder, name)) });
  }
  return found;
}

/**
 * The console's files, read once. They hold nothing of the mesh, so they need no token; what the page shows comes from the API, which does.
 * Gives undefined for a request that is not for the console.
 */
export async function consoleFiles(folder = BUILT): Promise<AdminApi> {
  const files = await filesBelow(folder);
  return (request, response, url) => {
    if (url.pathname !== PATH && !url.pathname.startsWith(`${PATH}/`)) return undefined;
    const name = url.pathname.slice(PATH.length + 1) || 'index.html';
    const file = files.get(name);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      sendJson(response, 405, { error: `${request.method} is not for ${PATH}` }, { allow: 'GET, HEAD' });
    else if (files.size === 0)
      sendJson(response, 503, { error: 'the console is not built: run `npm run console`, and start again' });
    else if (!file) sendJson(response, 404, { error: `there is no ${url.pathname.slice(0, 200)} here` });
    else
      response
        .writeHead(200, {
          ...HEADERS,
          'content-type': file.type,
          'content-length': file.bytes.length,
          // Files below assets/ have the hash of their content in their name.
          'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
        })
        .end(request.method === 'HEAD' ? undefined : file.bytes);
    return Promise.resolve();
  };
}
