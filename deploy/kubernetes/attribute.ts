/** A field of a published type, as Kubernetes' generated models name it. */
export interface Attribute {
  baseName: string;
  /** `string`, `Array<V1Container>`, `{ [key: string]: string; }` or the name of another type. */
  type: string;
}
