// usage: node ai.mjs <base address> <key> <route prefix> <player's address>
// The AI SDK, whose adapter for OpenAI speaks responses unless told otherwise.
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import { answerSchema, pixel, runAll, seen, weather } from './scenarios.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false; // they would go where the results go
const [base, apiKey, prefix, player] = process.argv.slice(2);
const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey });
const tools = { [weather.name]: tool({ description: weather.description, inputSchema: jsonSchema(weather.parameters) }) };
const request = (model, extra) => ({
  model: openai.responses(prefix + model), system: 'Be brief.', maxRetries: 0, ...(extra?.messages ? {} : { prompt: 'Hello' }), ...extra,
});

async function keep(result, answer) {
  result.text = await answer.text;
  result.finish = await answer.finishReason;
  result.tools = (await answer.toolCalls).map((t) => ({ name: t.toolName, arguments: t.input }));
  for (const part of await answer.reasoning) {
    result.thinking += part.text;
    result.signature = part.providerMetadata?.openai?.reasoningEncryptedContent ?? result.signature;
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

const picture = {
  messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image', image: `data:image/png;base64,${pixel}` }] }],
};
const schema = { output: Output.object({ schema: jsonSchema(answerSchema) }) };
const thinking = { providerOptions: { openai: { reasoningSummary: 'auto', include: ['reasoning.encrypted_content'] } } };

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
  // A second turn names the items of the first one by their ids.
  'stored': async (r) => {
    const first = await generateText(request('text'));
    const second = await generateText(request('text', {
      messages: [{ role: 'user', content: 'Hello' }, ...first.response.messages, { role: 'user', content: 'And then?' }],
    }));
    await keep(r, second);
  },
});
