import type { Step } from './step.ts';

/** The system user under which the agent runs. A user of that name that is not fleet's is refused (`host-foreign`). */
export function userStep(): Step {
  return {
    id: 'user',
    title: 'service user fleet',
    looksAt: {},
    check: 'want_user fleet /var/lib/fleet',
    apply: 'put_user fleet /var/lib/fleet',
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
  const each = (verb: string): string => directories.map(({ path, mode, owner }) => `${verb} '${path}' ${mode} ${owner}`).join('; ');
  return {
    id: 'directories',
    title: 'directories',
    looksAt: { paths: directories.map((directory) => directory.path) },
    check: each('want_directory'),
    apply: each('put_directory'),
  };
}
