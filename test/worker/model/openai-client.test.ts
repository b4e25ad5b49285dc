import { openAiClient } from '../../../agent/worker/model/openai-client.ts';
import { modelContract } from './model-contract.ts';

modelContract('openai', openAiClient);
