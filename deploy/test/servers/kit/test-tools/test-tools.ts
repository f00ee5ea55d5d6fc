import type { Tool } from '../definition.ts';
import { announce, say } from './announce.ts';
import { elicit, roots, sample } from './ask-client.ts';
import { charge, charges } from './charge.ts';
import { blob, echo, explode, fail } from './fail.ts';
import { progress, wait } from './wait.ts';
import { whoami } from './whoami.ts';

/** Tools that every example server has, so that tests can make each thing happen that a mesh must survive. */
export function testTools<S>(): Tool<S>[] {
  return [
    whoami(),
    charge(),
    charges(),
    wait(),
    progress('watch'),
    progress('work'),
    sample(),
    elicit(),
    roots(),
    fail(),
    explode(),
    echo(),
    blob(),
    announce(),
    say(),
  ];
}
