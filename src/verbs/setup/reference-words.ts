/**
 * Whether the text is a secret reference and not, perhaps, the secret itself. Nothing is one, too.
 */
export const isReference = (text: string | undefined): boolean =>
  text === undefined || /^(?:env|file|exec):./.test(text);

/** How an option has to say where a secret is: the text that was given is never repeated. */
export const wantedReference = (option: string, what: string): string =>
  `${option}: env:NAME, file:PATH or exec:COMMAND, never the ${what} itself`;
