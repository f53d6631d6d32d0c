// usage: node ai.mjs <base address> <key> <route prefix> <player's address>
// The AI SDK, whose adapter for OpenAI speaks responses unless told otherwise.
import { createOpenAI } from '@ai-sdk/openai';
import { generateText } from 'ai';
import { scenariosOf } from './ai-scenarios.mjs';
import { runAll } from './scenarios.mjs';

const [base, apiKey, prefix, player] = process.argv.slice(2);
const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey });
const { scenarios, request, keep } = scenariosOf({
  prefix,
  player,
  modelOf: (name) => openai.responses(name),
  signatureOf: (about) => about?.openai?.reasoningEncryptedContent,
  thinking: { providerOptions: { openai: { reasoningSummary: 'auto', include: ['reasoning.encrypted_content'] } } },
});

await runAll({
  ...scenarios,
  // A second turn names the items of the first one by their ids.
  'stored': async (r) => {
    const first = await generateText(request('text'));
    const second = await generateText(request('text', {
      messages: [{ role: 'user', content: 'Hello' }, ...first.response.messages, { role: 'user', content: 'And then?' }],
    }));
    await keep(r, second);
  },
});
