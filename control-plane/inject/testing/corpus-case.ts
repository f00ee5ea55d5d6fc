/** One input of `holdfast inject`, as somebody would write it. */
export interface CorpusCase {
  title: string;
  text: string;
  /** Which port of its Services is MCP. */
  port?: string | undefined;
  /** The text can't be changed in place, so its document is written again. */
  isRewritten?: boolean;
}
