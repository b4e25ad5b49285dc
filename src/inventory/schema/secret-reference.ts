import type { SecretReference } from '../../model/secret-reference.ts';

const kinds = ['env', 'file', 'exec'] as const;
const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a reference looks like, in words for an operator. */
export const secretReferenceForm = 'env:NAME, file:PATH or exec:COMMAND';

/**
 * Parses `env:NAME`, `file:PATH` or `exec:COMMAND`. Null when `text` is none of them, for example
 * because it is the secret itself.
 */
export const parseSecretReference = (text: string): SecretReference | null => {
  const colon = text.indexOf(':');
  const kind = kinds.find((each) => each === text.slice(0, colon));
  const target = text.slice(colon + 1).trim();
  if (kind === undefined || target === '' || target.includes('\0')) return null;
  if (kind === 'env' && !environmentName.test(target)) return null;
  return { kind, target };
};

/**
 * The reference as the operator wrote it. Safe to print: it says where the secret is, not what it
 * is.
 */
export const formatSecretReference = (reference: SecretReference): string =>
  `${reference.kind}:${reference.target}`;
