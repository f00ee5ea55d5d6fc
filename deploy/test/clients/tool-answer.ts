import type { ToolAnswer } from './mcp-client.ts';

interface ResultShape {
  content?: unknown;
  structuredContent?: unknown;
  isError?: unknown;
  [key: string]: unknown;
}

/** What both SDKs call a result of tools/call, in the one form that tests compare. */
export function toolAnswer({ content, structuredContent, isError }: ResultShape): ToolAnswer {
  const first = Array.isArray(content) ? (content[0] as { type?: string; text?: string } | undefined) : undefined;
  const text = first?.type === 'text' ? (first.text ?? '') : '';
  return {
    data: (structuredContent as Record<string, unknown> | undefined) ?? parsed(text),
    text,
    isError: isError === true,
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Text of a resource's contents or of a prompt message; empty when it is of another kind. */
export function contentText(content: unknown): string {
  return (content as { text?: string } | undefined)?.text ?? '';
}
