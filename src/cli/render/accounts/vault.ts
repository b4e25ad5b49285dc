import type { RotatedKey } from '../../../workflows/custody/rotate-vault-key.ts';

export function formatRotated({
  changed,
  sound,
  left,
  recipient,
  path,
  formerPath,
  isResumed,
}: RotatedKey): string {
  return [
    `${isResumed ? 'Continued: ' : ''}${changed} of ${sound} files of the vault ` +
      'encrypted again; all of them were read with the new key.',
    ...left.map((file) => `Neither key opens ${file}: it stays as it is.`),
    `Public key: ${recipient}`,
    ...(path === null
      ? [
          'Remove the former line from the key now, and keep a copy of it: it alone opens ' +
            'the backups made so far.',
        ]
      : [
          `${path} is the new key. Keep a copy of it elsewhere: without it no session can be read.`,
        ]),
    ...(formerPath === null
      ? []
      : [`${formerPath} is the former one: backups made until now open with it alone.`]),
    'Next: fleet backup, which is made with the new key.',
  ].join('\n');
}
