import { FleetError } from '../../model/errors.ts';
import { quantumAdvice } from '../../remote/session/post-quantum.ts';
import type { HostKeyOffer } from '../../workflows/hosts/trust-hosts.ts';
import { argument, flag } from '../input.ts';
import { defineChange } from '../verb.ts';

const freshOf = (keys: readonly HostKeyOffer[]): HostKeyOffer[] =>
  keys.filter(({ isKnown }) => !isKnown);

/** `fleet hosts trust`. */
export const trustHosts = defineChange({
  name: 'hosts trust',
  group: 'hosts',
  summary: "show the hosts' keys and remember them; compare the fingerprints first",
  input: {
    hosts: argument({ of: 'pattern', isMany: true, isOptional: true }),
    replace: flag(
      'these hosts were reinstalled or got new keys: forget what known_hosts has of them',
    ),
  },
  examples: [
    ['hosts trust', 'every host whose key is not known yet'],
    ['hosts trust h2 --replace', 'h2 was installed again and has another key'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  isBesideOthers: true,
  check({ hosts, replace }) {
    if (replace && hosts.length === 0)
      throw new FleetError('usage', '--replace needs the names of the hosts', {
        hint: 'for example: fleet hosts trust h2 --replace',
      });
  },
  async plan(context, { hosts, replace, limit }) {
    const [{ readHostKeys }, { selectHosts }] = await Promise.all([
      import('../../workflows/hosts/trust-hosts.ts'),
      import('../../inventory/select-hosts.ts'),
    ]);
    return readHostKeys(
      context,
      await context.ssh(),
      selectHosts(context.inventory, [...hosts, ...limit]),
      { replace },
    );
  },
  question({ keys }) {
    const fresh = freshOf(keys);
    if (fresh.length === 0) return null;
    const changed = fresh.filter(({ replaces }) => replaces.length > 0);
    const what = fresh.length === 1 ? 'it' : `all ${fresh.length}`;
    if (changed.length === 0) return `Are these the fingerprints that you expect? Remember ${what}`;
    const names = changed.map(({ host }) => host).join(', ');
    return (
      `Somebody between you and ${names} would look like this, too. Did you compare with the ` +
      'console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and is it right? Remember ' +
      `${what}, forget the former keys`
    );
  },
  async execute(context, _, { keys }) {
    const workflow = await import('../../workflows/hosts/trust-hosts.ts');
    const fresh = freshOf(keys);
    const stillTrusted = await workflow.trustHosts(context.inventory, fresh);
    return {
      remembered: fresh.length,
      stillTrusted,
      knownHosts: context.inventory.paths.knownHosts,
    };
  },
  toJson: ({ keys }, done) => ({
    hosts: keys.map(({ host, type, fingerprint, isKnown, replaces, unusedOptions, exchange }) => ({
      ...{ host, type, fingerprint, wasKnown: isKnown, replaced: replaces, unusedOptions },
      isPostQuantum: quantumAdvice(exchange) === null,
    })),
    stillTrusted: done?.stillTrusted ?? [],
  }),
  problems: ({ errors }) => errors,
});
