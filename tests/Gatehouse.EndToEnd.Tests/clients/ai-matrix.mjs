// usage: node ai-matrix.mjs <base address> <key> <route prefix> <player's address> <adapter>
// The AI SDK with its adapters for the formats of Anthropic, Google and OpenAI's chat; ai.mjs is for OpenAI's responses.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { scenariosOf } from './ai-scenarios.mjs';
import { runAll } from './scenarios.mjs';

const [base, apiKey, prefix, player, adapter] = process.argv.slice(2);
const modelOf = {
  anthropic: () => createAnthropic({ baseURL: `${base}/v1`, apiKey }),
  google: () => createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey }),
  openai: () => createOpenAI({ baseURL: `${base}/v1`, apiKey }).chat,
}[adapter]();

await runAll(scenariosOf({
  prefix,
  player,
  modelOf,
  signatureOf: (about) => about?.anthropic?.signature || about?.google?.thoughtSignature,
  schema: { providerOptions: { anthropic: { structuredOutputMode: 'outputFormat' } } },
  thinking: {
    providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } }, google: { thinkingConfig: { includeThoughts: true } } },
  },
}).scenarios);
