/** Why a host did not take or give a file, in words. Pure. */
import { FleetError } from '../../model/errors.ts';
import { visibleLine } from '../../model/visible.ts';
import type { CommandResult } from '../../remote/remote.ts';
import { named } from './copy-words.ts';
import { stops } from './host-scripts.ts';

/** Bytes of words that a host may say besides what it was asked for. */
export const wordsBytes = 64 * 1024;

/** The last line, without what a shell says of itself. */
const lastWords = ({ stderr }: CommandResult): string => {
  const line = Buffer.from(stderr).toString('utf8').trim().split('\n').at(-1) ?? '';
  return visibleLine(line.slice(0, 500).replace(/^\S*sh: (?:line )?(?:\d+: )?(?:eval: )?/, ''));
};

const hintFor = (host: string, path: string, said: string, isSudo: boolean): string => {
  if (/No space left|quota exceeded/i.test(said))
    return `free space on the host: fleet exec ${host} -- df -h`;
  if (/Read-only file system/i.test(said))
    return `that file system is mounted read-only: fleet exec ${host} -- findmnt`;
  if (/Permission denied|can't cd to|Operation not permitted/i.test(said) && !isSudo)
    return 'choose a place of the login user, or copy as root: --sudo';
  if (/No such file|can't cd to|nonexistent/i.test(said))
    return `check the path (the folder above has to be there): fleet exec ${host} -- ls -la`;
  return `look at ${named(path)}: fleet ssh ${host}`;
};

const meanings: Readonly<Record<number, readonly [string, string]>> = {
  [stops.link]: [
    'there is a symbolic link in the way; none is followed or replaced',
    'name the folder that it leads to, or remove the link',
  ],
  [stops.folder]: ['there is a folder of that name', 'copy into it: end the target with /'],
  [stops.special]: ['it is a special file', 'only files and folders are copied'],
  [stops.changed]: [
    'the bytes that arrived have another SHA-256: the file changed meanwhile, or the transfer was cut',
    'what was there before is whole; run the command again',
  ],
};

/** `path`: what the host was at. `act`: what could not be done with it. */
export function hostRefusal(
  host: string,
  path: string,
  act: 'written' | 'read',
  result: CommandResult,
  isSudo: boolean,
): FleetError {
  const said = lastWords(result);
  const meaning = meanings[result.exitCode ?? -1];
  if (meaning !== undefined) {
    const [why, hint] = meaning;
    return new FleetError('transfer', `${host}: ${named(path)} was not ${act}: ${why}`, {
      hint,
      host,
    });
  }
  const ending =
    said !== ''
      ? said
      : result.exitCode === null
        ? `the command was ended by ${result.signal}`
        : `the command ended with exit code ${result.exitCode}`;
  const isFull = /No space left|quota exceeded/i.test(said);
  return new FleetError(
    isFull ? 'host-space' : 'transfer',
    `${host}: ${named(path)} was not ${act}: ${ending}`,
    { hint: hintFor(host, path, said, isSudo), host },
  );
}

/** The same without the host's name, where that stands before it. */
export const withoutHost = ({ message, host }: FleetError): string =>
  host !== undefined && message.startsWith(`${host}: `) ? message.slice(host.length + 2) : message;

/** The host has answered what no script of ours prints. */
export const strangeReply = (host: string, what: string): FleetError =>
  new FleetError('agent-reply', `${host}: ${what}`, {
    hint: `nothing more was read from it; look at its start files: fleet ssh ${host}`,
    host,
  });
