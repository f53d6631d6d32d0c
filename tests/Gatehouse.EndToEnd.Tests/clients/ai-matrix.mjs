// usage: node ai-matrix.mjs <base address> <key> <route prefix> <player's address> <adapter>
// The AI SDK with its adapters for the formats of Anthropic, Google and OpenAI's chat; ai.mjs is for OpenAI's responses.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import { answerSchema, pixel, runAll, seen, weather } from './scenarios.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false; // they would go where the results go
const [base, apiKey, prefix, player, adapter] = process.argv.slice(2);
const provider = {
  anthropic: () => createAnthropic({ baseURL: `${base}/v1`, apiKey }),
  google: () => createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey }),
  openai: () => createOpenAI({ baseURL: `${base}/v1`, apiKey }).chat,
}[adapter]();
const tools = { [weather.name]: tool({ description: weather.description, inputSchema: jsonSchema(weather.parameters) }) };
const picture = { messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image', image: `data:image/png;base64,${pixel}` }] }] };
const schema = { output: Output.object({ schema: jsonSchema(answerSchema) }), providerOptions: { anthropic: { structuredOutputMode: 'outputFormat' } } };
const thinking = {
  providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } }, google: { thinkingConfig: { includeThoughts: true } } },
};
const request = (model, extra = {}) => ({
  model: provider(prefix + model), system: 'Be brief.', maxRetries: 0, ...(extra.messages ? {} : { prompt: 'Hello' }), ...extra,
});

async function keep(result, answer) {
  result.text = await answer.text;
  result.finish = await answer.finishReason;
  result.tools = (await answer.toolCalls).map((t) => ({ name: t.toolName, arguments: t.input }));
  for (const part of await answer.reasoning) {
    result.thinking += part.text;
    result.signature = part.providerMetadata?.anthropic?.signature || part.providerMetadata?.google?.thoughtSignature || result.signature;
  }
  const usage = await answer.usage;
  result.input = usage.inputTokens;
  result.output = usage.outputTokens;
}

const create = async (result, model, extra) => keep(result, await generateText(request(model, extra)));

async function stream(result, model, extra = {}) {
  const stop = new AbortController();
  const answer = streamText({ ...request(model, extra), abortSignal: stop.signal, onError: () => {} });
  for await (const part of answer.fullStream) {
    result.chunks++;
    if (part.type === 'error') {
      throw part.error;
    }
    if (part.type === 'text-delta') {
      result.text += part.text;
      await seen(player, prefix + model, result.text);
      if (model === 'abort') {
        stop.abort();
      }
    }
  }
  if (model !== 'abort') {
    result.thinking = '';
    await keep(result, answer);
  }
}

await runAll({
  'text': (r) => create(r, 'text'),
  'text-stream': (r) => stream(r, 'text'),
  'tools': (r) => create(r, 'tools', { tools }),
  'tools-stream': (r) => stream(r, 'tools', { tools }),
  'parallel': (r) => create(r, 'parallel', { tools }),
  'parallel-stream': (r) => stream(r, 'parallel', { tools }),
  'image': (r) => create(r, 'image', picture),
  'image-stream': (r) => stream(r, 'image', picture),
  'schema': (r) => create(r, 'schema', schema),
  'schema-stream': (r) => stream(r, 'schema', schema),
  'thinking': (r) => create(r, 'thinking', thinking),
  'thinking-stream': (r) => stream(r, 'thinking', thinking),
  'refusal': (r) => create(r, 'refusal'),
  'refusal-stream': (r) => stream(r, 'refusal'),
  'length': (r) => create(r, 'length'),
  'length-stream': (r) => stream(r, 'length'),
  'rate-limited': (r) => create(r, 'rate-limited'),
  'rate-limited-stream': (r) => stream(r, 'rate-limited'),
  'bad-request': (r) => create(r, 'bad-request'),
  'bad-request-stream': (r) => stream(r, 'bad-request'),
  'mid-stream-error': (r) => stream(r, 'mid-stream-error'),
  'truncated': (r) => stream(r, 'truncated'),
  'abort': (r) => stream(r, 'abort'),
});
