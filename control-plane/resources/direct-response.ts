/** An answer of the mesh itself. The text becomes the JSON-RPC error's message (local-reply.ts). */
export const directResponse = (status: number, message: string): object => ({
  direct_response: { status, body: { inline_string: message } },
});
