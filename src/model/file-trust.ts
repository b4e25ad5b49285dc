/**
 * What the system says about a file or a folder: permission bits (with the sticky bit), owner and
 * group.
 */
export interface FileFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface FileRisks {
  /**
   * It belongs to neither whoever runs fleet nor root. For root, files of anybody are somebody's
   * own.
   */
  readonly isForeign: boolean;
  /**
   * Somebody else may write to it; of a folder without the sticky bit: may replace what is in it.
   */
  readonly isWritable: boolean;
  readonly isReadable: boolean;
}

/**
 * What others may do with a file. Its group counts as others, unless it is the private group of its
 * owner, which many systems make for every user with the same
 * number. Pure.
 */
export function fileRisks({ mode, uid, gid }: FileFacts, me: number | null): FileRisks {
  const others = gid === uid ? mode & 0o007 : mode & 0o077;
  return {
    isForeign: me !== null && me !== 0 && uid !== me && uid !== 0,
    isWritable: (others & 0o022) !== 0 && (mode & 0o1000) === 0,
    isReadable: (others & 0o044) !== 0,
  };
}

/** `644`. */
export const octal = (mode: number): string => (mode & 0o777).toString(8);
