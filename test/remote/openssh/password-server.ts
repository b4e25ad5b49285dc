import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import ssh2 from 'ssh2';

/** A server that takes one password, and looks where else on this machine it can be read. */
export interface PasswordServer {
  readonly port: number;
  only(method: 'password' | 'keyboard-interactive'): void;
  /** Places in which the password was while somebody logged in. */
  seen(): string[];
  stop(): Promise<void>;
}

/** sshd itself checks passwords of the machine's users only, whom no test may give one. */
export async function startPasswordServer(
  password: string,
  hostKey: string,
): Promise<PasswordServer> {
  let wanted = 'password';
  const seen: string[] = [];
  const server = new ssh2.Server({ hostKeys: [await readFile(hostKey)] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (attempt) => {
      const check = (given: string | undefined): void => {
        seen.push(...placesWith(password));
        if (given === password) attempt.accept();
        else attempt.reject(['password', 'keyboard-interactive'], false);
      };
      if (attempt.method !== wanted) attempt.reject([wanted as 'password']);
      else if (attempt.method === 'password') check(attempt.password);
      else if (attempt.method === 'keyboard-interactive') {
        attempt.prompt([{ prompt: 'Password: ', echo: false }], '', '', (answers) =>
          check(answers?.[0]),
        );
      }
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        // The words that come before a command's own output.
        const marker = /fleet-[0-9a-f]{18}/.exec(command)?.[0] ?? '';
        channel.write(`${marker}1.in by password\n`);
        channel.exit(0);
        channel.end();
      });
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as { port: number }).port,
    only(method) {
      wanted = method;
    },
    seen: () => seen,
    stop: () => new Promise((done) => server.close(() => done())),
  };
}

/** Arguments and environments of all processes but those that know it anyway. */
function placesWith(secret: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) =>
    ['cmdline', 'environ'].flatMap((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(secret)
          ? [`/proc/${pid}/${file}`]
          : [];
      } catch {
        return [];
      }
    }),
  );
}
