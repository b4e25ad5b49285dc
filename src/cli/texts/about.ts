import type { completion } from '../../verbs/about/completion.ts';
import type { version } from '../../verbs/about/version.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofVersion: TextOf<typeof version> = {
  result: ({ fleet, node, platform, path }) =>
    `fleet ${fleet}, Node.js ${node}, ${platform}, in ${path}`,
};

const ofCompletion: TextOf<typeof completion> = { result: ({ script }) => script.trimEnd() };

export const texts: Readonly<Record<string, VerbText>> = {
  version: ofVersion,
  completion: ofCompletion,
};
