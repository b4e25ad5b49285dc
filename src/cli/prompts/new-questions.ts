import { draftFromAddresses } from '../../inventory/new/from-addresses.ts';
import { fleetNameFrom, isUserName } from '../../inventory/new/names.ts';
import type { NewQuestions } from '../../workflows/new/new-questions.ts';
import { ask, askFor, choose } from './confirm.ts';

const wanted =
  (what: string) =>
  (text: string): string | null =>
    text === '' ? what : null;

/** What `fleet new` asks, on a terminal. */
export const newQuestions = (signal: AbortSignal): NewQuestions => ({
  name: (fallback) =>
    askFor('Name of the fleet (hosts remember it)', signal, {
      fallback,
      mistakeIn: (text) =>
        fleetNameFrom(text) === text ? null : 'at most 32 lower-case letters, digits and "-"',
    }),

  async servers(known) {
    const some = known.length > 3 ? `${known.slice(0, 3).join(', ')} ...` : known.join(', ');
    const kind = await choose('Where are the servers listed?', signal, [
      { value: 'addresses' as const, name: 'I type their addresses' },
      ...(known.length === 0
        ? []
        : [{ value: 'ssh-config' as const, name: `in my ssh config (${some})` }]),
      { value: 'ansible' as const, name: 'in an Ansible inventory' },
      { value: 'master-config' as const, name: 'in a master_config.json' },
    ]);
    if (kind === 'addresses') {
      const answer = await askFor('Servers, separated by spaces ([USER@]ADDRESS[:PORT])', signal, {
        fallback: '',
        mistakeIn: (text) =>
          text === ''
            ? 'at least one, for example root@192.0.2.11'
            : (draftFromAddresses(text.split(/\s+/)).problems?.[0] ?? null),
      });
      return { kind, words: answer.split(/\s+/) };
    }
    if (kind === 'ssh-config')
      return {
        kind,
        pattern: await askFor('Which of them (web-*, or * for all)', signal, {
          fallback: '*',
          mistakeIn: wanted('a pattern'),
        }),
      };
    const file = await askFor('Path of the file', signal, {
      fallback: kind === 'ansible' ? 'hosts.ini' : 'master_config.json',
      mistakeIn: wanted('a path'),
    });
    return { kind, file };
  },

  user: () =>
    askFor('User to log in as, root or one with sudo (Enter: as the ssh config says)', signal, {
      fallback: '',
      mistakeIn: (text) => (text === '' || isUserName(text) ? null : 'a user name'),
    }),

  apiId: () =>
    askFor('api_id of your application, from https://my.telegram.org (Enter: later)', signal, {
      fallback: '',
      mistakeIn: (text) => (/^\d{0,10}$/.test(text) ? null : 'a number'),
    }),

  apiHash: () => ask('api_hash of it (Enter: later)', signal, true),
});
