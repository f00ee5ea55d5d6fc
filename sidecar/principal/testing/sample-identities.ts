import { Identities } from '../identities.ts';
import { KeyedDigest } from '../keyed-digest.ts';

/** For tests: identities with a secret that everybody knows. */
export const sampleIdentities = (): Identities => new Identities(new KeyedDigest(Buffer.alloc(32, 1)));
