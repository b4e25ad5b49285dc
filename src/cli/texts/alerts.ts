import type { listAlerts, showAlert, testAlerts, whyAlert } from '../../verbs/alerts/alerts.ts';
import type { silenceAlerts, unsilenceAlerts } from '../../verbs/alerts/silence.ts';
import {
  formatAlerts,
  formatSilence,
  formatStory,
  formatTrials,
  formatVerdict,
} from '../render/looks/alerts.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofList: TextOf<typeof listAlerts> = {
  result: (view, { nowMs }) => formatAlerts(view, nowMs),
};

const ofShow: TextOf<typeof showAlert> = {
  result: (story, { nowMs }) => formatStory(story, nowMs),
};

const ofWhy: TextOf<typeof whyAlert> = {
  result: (verdict, { nowMs }) => formatVerdict(verdict, nowMs),
};

const ofTest: TextOf<typeof testAlerts> = { result: (trials) => formatTrials(trials) };

const ofSilence: TextOf<typeof silenceAlerts> = { done: (silence) => formatSilence(silence) };

const ofUnsilence: TextOf<typeof unsilenceAlerts> = { done: (id) => `silence ${id} has ended` };

export const texts: Readonly<Record<string, VerbText>> = {
  'alerts list': ofList,
  'alerts show': ofShow,
  'alerts why': ofWhy,
  'alerts test': ofTest,
  'alerts silence': ofSilence,
  'alerts unsilence': ofUnsilence,
};
