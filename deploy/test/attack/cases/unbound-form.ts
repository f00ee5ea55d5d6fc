import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, type ServerName } from '../attack-mesh.ts';
import { messageOf } from '../http-client.ts';

/** How an id that names Alice's session is written, from the id that she holds and the replica's own. */
type Write = (id: string, upstream: string) => string;
const FORMS: Record<string, Write> = {
  'replica-id': (id, upstream) => `${id.replace(/p?~.*/, '')}~${upstream}`,
  'mark-cut-off': (id) => id.replace('p~', '~'),
  'replica-id-bound': (id, upstream) => `${id.replace(/p?~.*/, '')}p~${upstream}`,
  'replica-id-zero-padded': (id, upstream) => `0${id.replace(/p?~.*/, '')}~${upstream}`,
  'double-tilde': (id, upstream) => `${id.replace(/p?~.*/, '')}~~${upstream}`,
  'upper-case-slot': (id, upstream) => `${id.replace(/p?~.*/, '').toUpperCase()}~${upstream}`,
  'percent-encoded': (id, upstream) => `${id.replace(/p?~.*/, '')}%7E${upstream}`,
  'mark-twice': (id, upstream) => `${id.replace(/p?~.*/, '')}pp~${upstream}`,
  'trailing-tab': (id, upstream) => `${id.replace(/p?~.*/, '')}~${upstream}\t`,
  'replica-id-alone': (_, upstream) => upstream,
};
const SERVERS: readonly ServerName[] = ['jwt', 'jwtoff'];

export const unboundForm: AttackCase[] = casesOf(
  'unbound-form',
  { finding: '14', goal: '404 for everybody but Alice' },
  FORMS,
  async (mesh, write) => {
    const said: string[] = [];
    for (const server of SERVERS) {
      const token = mesh.issuer.valid('alice');
      const id = await mesh.session(server, { token });
      const answer = await mesh.rpc(server, callOf('echo'), { session: id, token });
      const upstream = /\\"upstream\\":\\"([^\\]+)/.exec(JSON.stringify(messageOf(answer)))?.[1] ?? '';
      if (upstream === '') return judge({ 'the replica’s own id is known': false }, '');
      for (const stranger of [mesh.issuer.valid('mallory'), mesh.issuer.valid('bob')]) {
        for (const gateway of [0, 1]) {
          const options = { session: write(id, upstream), token: stranger, gateway };
          const { status } = await mesh.rpc(server, callOf('echo'), options);
          if (status < 400) said.push(`${server} ${status}`);
        }
      }
    }
    return judge({ 'refused everywhere': said.length === 0 }, said.join(', '));
  },
);
/** Elsewhere replicas verify tokens themselves, and sessions are bound to what an unverified token says. */
export const unboundPlain: AttackCase[] = casesOf(
  'unbound-form-plain',
  { finding: '14', goal: '404 where the bound record is known' },
  { plain: 'plain', off: 'off', streams: 'streams' } as const,
  async (mesh, server) => {
    const token = mesh.issuer.valid('alice');
    const id = await mesh.session(server, { token });
    const answer = await mesh.rpc(server, callOf('echo'), { session: id, token });
    const upstream = /\\"upstream\\":\\"([^\\]+)/.exec(JSON.stringify(messageOf(answer)))?.[1] ?? '';
    const statuses: number[] = [];
    for (const gateway of [0, 1]) {
      const session = `${id.replace(/p?~.*/, '')}~${upstream}`;
      statuses.push(
        (await mesh.rpc(server, callOf('echo'), { session, token: mesh.issuer.valid('bob'), gateway })).status,
      );
    }
    return judge({ 'refused on both gateways': statuses.every((status) => status >= 400) }, statuses.join(', '));
  },
);
