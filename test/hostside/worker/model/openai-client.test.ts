import { openAiClient } from '../../../../hostside/worker/model/openai-client.ts';
import { modelContract } from './model-contract.ts';

modelContract('openai', openAiClient);
