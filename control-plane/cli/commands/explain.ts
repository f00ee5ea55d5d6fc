import { Command } from 'commander';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import { action } from '../command.ts';
import { usageError } from '../exit-code.ts';
import { plain } from '../table.ts';

interface Explanation {
  route: string;
  server: string | null;
  slot: string | null;
  replica: string | null;
  address: string | null;
  why: string[];
}

/** Arguments in any order: a path (`/mcp/linear`), headers (`Name: value`), a session id (anything else). */
function readRequest(words: readonly string[]): { path?: string; headers: Record<string, string> } {
  const request: { path?: string; headers: Record<string, string> } = { headers: {} };
  for (const word of words) {
    const [, name, value = ''] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(word) ?? [];
    // A session id has a tilde and no blank. A header with a tilde has a blank after its colon.
    const isHeader = !word.includes('~') || /:\s/.test(word);
    if (word.startsWith('/')) request.path = word;
    else if (name !== undefined && isHeader) request.headers[name.toLowerCase()] = value;
    else if (word.includes(' '))
      throw usageError(
        `${JSON.stringify(word)} is neither a path, a session id, nor a header like "Mcp-Session-Id: x"`,
      );
    else request.headers['mcp-session-id'] = word;
  }
  return request;
}

interface ExplainOptions {
  server?: string;
  method: string;
  call?: string;
  claims?: string;
}

/** `tools/call pay` as method and object. */
function readAct(text: string): { method: string; object: string | null } {
  const [method = '', ...object] = text.trim().split(' ');
  return { method, object: object.length > 0 ? object.join(' ') : null };
}

function readClaims(text: string): object {
  const claims = parseJsonObject(text);
  if (claims === undefined) throw usageError(`--claims ${text}: expected a JSON object`);
  return claims;
}

export const explainCommand = (): Command =>
  new Command('explain')
    .description('Which way a request goes, to which replica, and why, in plain words.')
    .argument('[request...]', 'a session id, headers ("Name: value"), and the path (/mcp/<server>)')
    .option('--server <name>', 'server, instead of a path')
    .option('--method <method>', 'HTTP method', 'POST')
    .option('--call <what>', 'what it asks to do: "tools/call NAME", "resources/read URI", a method')
    .option('--claims <json>', 'claims of its token, as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast explain --server linear 3a~0b5e\n  holdfast explain --method GET /mcp/linear "Mcp-Session-Id: 3a~0b5e"\n  holdfast explain /mcp/linear "MCP-Protocol-Version: 2026-07-28" "Mcp-Method: tools/list"\n  holdfast explain --server linear --call "tools/call pay" --claims \'{"groups":["ops"]}\'',
    )
    .action(
      action(async ({ client, out }, words: string[], { server, method, call, claims }: ExplainOptions) => {
        if (!/^[A-Za-z]+$/.test(method)) throw usageError(`--method ${method}: expected a method like POST or GET`);
        const found = await client.post<Explanation>('/v1/explain', {
          ...readRequest(words),
          ...(server !== undefined && { server }),
          method,
          ...(call !== undefined && { act: readAct(call) }),
          ...(claims !== undefined && { claims: readClaims(claims) }),
        });
        out.show(found, () =>
          [
            `route    ${found.route}`,
            `replica  ${found.replica === null ? '-' : `${plain(found.replica)} (${plain(found.address)}, slot ${plain(found.slot)})`}`,
            '',
            ...found.why.map((line, index) => `${index + 1}. ${plain(line)}`),
          ].join('\n'),
        );
      }),
    );
