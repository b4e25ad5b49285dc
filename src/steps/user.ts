import type { Step } from './step.ts';

/**
 * The system user under which the agent runs. The underscore keeps it apart from people's logins,
 * which adduser does not let begin with one. A user of
 * that name that is not as fleet makes it is refused (`host-foreign`).
 */
export const serviceUser = '_fleet';

export function userStep(): Step {
  return {
    id: 'user',
    title: `service user ${serviceUser}`,
    looksAt: {},
    check: `want_user ${serviceUser}`,
    apply: `put_user ${serviceUser}`,
  };
}

/**
 * Takes back the user `fleet` of earlier releases, by the host's record only: after the switch to a
 * release that does not need it.
 */
export function formerUserStep(): Step {
  return {
    id: 'former-user',
    title: 'no service user of before',
    // It rewrites the record, to which packages are added in the background.
    after: ['packages'],
    looksAt: {},
    check: `want_no_former_user ${serviceUser}`,
    apply: `put_no_former_user ${serviceUser}`,
  };
}

export interface Directory {
  readonly path: string;
  /** Octal digits. */
  readonly mode: string;
  readonly owner: string;
}

/** Directories with mode and owner, parents first. */
export function directoriesStep(directories: readonly Directory[]): Step {
  const each = (verb: string): string =>
    directories.map(({ path, mode, owner }) => `${verb} '${path}' ${mode} ${owner}`).join('; ');
  return {
    id: 'directories',
    title: 'directories',
    looksAt: { paths: directories.map((directory) => directory.path) },
    check: each('want_directory'),
    apply: each('put_directory'),
  };
}
