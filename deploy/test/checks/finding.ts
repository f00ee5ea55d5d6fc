/** One break of one rule. */
export interface Finding {
  /** Name of the rule, the same in `ratchet.json`. */
  rule: string;
  /** `path:line`, or `path` alone. */
  place: string;
  message: string;
}
