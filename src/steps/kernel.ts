import { quoteShell } from '../remote/shared/shell-command.ts';
import { declareFiles, type Step } from './step.ts';

const SYSCTL_FILE = '/etc/sysctl.d/90-fleet.conf';
const LIMITS_FILE = '/etc/security/limits.d/90-fleet.conf';
const limitLetters: Readonly<Record<string, string>> = { nofile: 'n', nproc: 'u' };

/**
 * Kernel settings, in a file for the next boot and at once. Keys that are absent, read-only or
 * refused become warnings that name them. Those of the
 * network are taken back by the host unless a fresh connection confirms (event `confirm`).
 */
export function sysctlStep(settings: Readonly<Record<string, string>>): Step {
  const entries = Object.entries(settings).map(
    ([key, value]) => [key, value.trim().split(/\s+/).join(' ')] as const,
  );
  const text =
    '# Written by fleet ' +
    `init.\n${entries.map(([key, value]) => `${key} = ${value}\n`).join('')}`;
  return {
    id: 'sysctl',
    title: `kernel settings (${entries.length})`,
    looksAt: { paths: [SYSCTL_FILE] },
    declare: [
      declareFiles([{ path: SYSCTL_FILE, text, mode: '644', owner: 'root:root' }]),
      ...entries.map(([key, value]) => `SYSCTL[${quoteShell(key)}]=${quoteShell(value)}`),
    ].join('\n'),
    check: `want_file ${SYSCTL_FILE}; want_sysctls`,
    apply: `put_settings ${SYSCTL_FILE}`,
  };
}

/**
 * PAM limits for every user and for root, soft and hard. A limit that root may not raise on this
 * host becomes a warning.
 */
export function limitsStep(limits: Readonly<Record<string, number>>): Step {
  const entries = Object.entries(limits);
  const lines = entries.flatMap(([name, value]) =>
    ['*', 'root'].flatMap((who) =>
      ['soft', 'hard'].map((kind) => `${who} ${kind} ${name} ${value}\n`),
    ),
  );
  return {
    id: 'limits',
    title: `limits (${entries.map(([name]) => name).join(', ')})`,
    looksAt: { paths: [LIMITS_FILE] },
    declare: declareFiles([
      {
        path: LIMITS_FILE,
        text: `# Written by fleet init.\n${lines.join('')}`,
        mode: '644',
        owner: 'root:root',
      },
    ]),
    check: [
      `want_file ${LIMITS_FILE}`,
      ...entries.map(([name, value]) => `want_limit ${limitLetters[name] ?? 'n'} ${name} ${value}`),
    ].join('; '),
    apply: `put_file ${LIMITS_FILE}`,
  };
}
