import { spawn } from 'node:child_process';
import type { Message } from '../alerts/message.ts';
import type { CommandChannel } from '../model/alert-policy.ts';
import { requireOwnPrograms } from '../surroundings/foreign-programs.ts';
import { type Channel, ChannelRefusal, type ChannelWorld, quoted } from './channel.ts';

/**
 * A program of this machine: the message is JSON on its standard input, 0 means taken. No shell. It
 * ends with everything it started when its time is up.
 */
export const commandChannel = (
  name: string,
  { argv }: CommandChannel,
  world: ChannelWorld,
): Channel => ({
  send: async (message: Message): Promise<null> => {
    requireOwnPrograms(`channel ${name}`);
    return new Promise<null>((resolve, reject) => {
      const [program = '', ...args] = argv;
      // A program may have to ask somebody else.
      const limitMs = 3 * world.limitMs;
      const fail = (what: string, hint: string): void =>
        reject(new ChannelRefusal(name, `${program} ${what}`, hint));
      const child = spawn(program, args, {
        cwd: world.folder,
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
      });
      let said = '';
      let isLate = false;
      const end = (): void => {
        if (child.pid === undefined) return;
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // It has ended.
        }
      };
      const timer = setTimeout(() => {
        isLate = true;
        end();
      }, limitMs);
      world.signal.addEventListener('abort', end, { once: true });
      child.stderr.on('data', (chunk: Buffer) => {
        said = `${said}${chunk.toString('utf8')}`.slice(-2000);
      });
      // It may end without reading.
      child.stdin.on('error', () => undefined);
      child.stdin.end(`${JSON.stringify(message)}\n`);
      const settle = (): void => {
        clearTimeout(timer);
        world.signal.removeEventListener('abort', end);
      };
      child.on('error', (cause: NodeJS.ErrnoException) => {
        settle();
        fail(`cannot be run (${cause.code ?? cause.name})`, 'is it there, and may it be executed?');
      });
      child.on('close', (code) => {
        settle();
        if (code === 0) return resolve(null);
        if (isLate)
          return fail(
            `did not end within ${limitMs / 1000} s`,
            'it was ended; run it by hand to see what it waits for',
          );
        const line = quoted(said.trim().split('\n').at(-1) ?? '', world);
        return fail(
          `ended with ${code ?? 'a signal'}${line === '' ? '' : `: ${line}`}`,
          'run it by hand, with a message on its standard input',
        );
      });
    });
  },
});
