import { FleetError } from '../../model/errors.ts';
import { option } from '../input.ts';
import { defineErrand, type Verb } from '../verb.ts';

/**
 * `fleet serve`: the verbs over HTTP. `all`: called when it runs, because this verb is one of them.
 */
export const serveVerb = (all: () => readonly Verb[]) =>
  defineErrand({
    name: 'serve',
    group: 'setup',
    isLocal: true,
    summary:
      'answer to HTTP: the same commands as a REST API, for programs and colleagues with a token',
    input: {
      listen: option({
        ...{ shown: 'address', example: '127.0.0.1:8000' },
        words:
          'where to listen; default: 127.0.0.1:8000. Another address than this machine needs TLS',
      }),
      socket: option({
        of: 'file',
        shown: 'file',
        words: 'a unix socket instead, for this user only',
      }),
      tlsCert: option({ of: 'file', shown: 'file', words: 'certificate, PEM' }),
      tlsKey: option({ of: 'file', shown: 'file', words: 'its key, PEM' }),
      rate: option({
        ...{
          of: 'count',
          shown: 'count',
          range: { min: 1, max: 100_000 },
          example: '50',
          start: 200,
        },
        words: 'requests of one token in a second, in the long run',
      }),
      requestLimit: option({
        ...{ of: 'duration', shown: 'duration', start: 30_000, startWords: '30s', example: '30s' },
        range: { min: 1_000, max: 600_000, words: 'from 1 s to 10 minutes' },
        words: 'a request has to be whole after that time',
      }),
    },
    examples: [
      ['serve', 'on 127.0.0.1:8000, until Ctrl-C or SIGTERM'],
      ['serve --socket /run/fleet/api.sock', 'for this user of this machine only'],
      ['token add ci --scope plan', 'first, a token'],
    ],
    files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
    effects: 'hosts',
    check({ limit }) {
      if (limit.length > 0)
        throw new FleetError('usage', 'a server is about all hosts: no --limit', {
          hint: 'fleet token add NAME --hosts PATTERN limits what one token may see',
        });
    },
    async run(desk, input) {
      const [{ inventoryPathOf }, { serve }, { logLineOf }, { resolve }] = await Promise.all([
        import('../open-context.ts'),
        import('../../serve/serve.ts'),
        import('../../serve/log-line.ts'),
        import('node:path'),
      ]);
      const inventory = resolve(await inventoryPathOf(desk));
      return serve({
        ...{ ...input, requestLimitMs: input.requestLimit, verbs: all(), inventory },
        ...{ program: process.argv[1] ?? '', signal: desk.signal },
        log: (entry) => desk.note(logLineOf(entry, new Date(), desk.line === null)),
      });
    },
    toJson: (served) => ({ ...served }),
  });
