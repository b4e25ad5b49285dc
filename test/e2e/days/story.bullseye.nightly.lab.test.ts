/** Debian 11, which is not supported, by the explicit flag. */
import { tellStory } from './story.ts';

tellStory('bullseye');
