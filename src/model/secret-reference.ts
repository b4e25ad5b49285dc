/**
 * A secret that is written as a reference (`env:NAME`, `file:PATH`, `exec:COMMAND`) and read only
 * when it is used.
 * The text of the reference is safe to print; the value is not.
 */
export interface SecretReference {
  readonly kind: 'env' | 'file' | 'exec';
  readonly target: string;
}
