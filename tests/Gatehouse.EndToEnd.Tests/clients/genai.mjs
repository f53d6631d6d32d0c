// usage: node genai.mjs <base address> <key> <route prefix> <player's address>
import { GoogleGenAI } from '@google/genai';
import { answerSchema, pixel, runAll, seen, weather, wholeAndStreamed } from './scenarios.mjs';

const [baseUrl, apiKey, prefix, player] = process.argv.slice(2);
const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl, apiVersion: 'v1beta' } });
const tools = [{ functionDeclarations: [{ name: weather.name, description: weather.description, parametersJsonSchema: weather.parameters }] }];
const schema = { responseMimeType: 'application/json', responseJsonSchema: answerSchema };
const thinking = { thinkingConfig: { includeThoughts: true } };
const picture = [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: pixel } }];
const request = (model, config = {}, contents = 'Hello') => ({ model: prefix + model, contents, config: { systemInstruction: 'Be brief.', ...config } });

function keep(result, response) {
  const [candidate] = response.candidates ?? [];
  for (const part of candidate?.content?.parts ?? []) {
    if (part.functionCall) {
      result.tools.push({ name: part.functionCall.name, arguments: part.functionCall.args });
    } else if (part.thought) {
      result.thinking += part.text ?? '';
      result.signature = part.thoughtSignature ?? result.signature;
    } else {
      result.text += part.text ?? '';
    }
  }

  result.finish = candidate?.finishReason ?? result.finish;
  result.input = response.usageMetadata?.promptTokenCount ?? result.input;
  result.output = response.usageMetadata?.candidatesTokenCount ?? result.output;
}

async function create(result, ...args) {
  keep(result, await client.models.generateContent(request(...args)));
}

async function stream(result, ...args) {
  for await (const chunk of await client.models.generateContentStream(request(...args))) {
    result.chunks++;
    keep(result, chunk);
  }
}

async function broken(result, model, onText = () => {}, config = {}) {
  for await (const chunk of await client.models.generateContentStream(request(model, config))) {
    result.chunks++;
    keep(result, chunk);
    await onText(result);
    await seen(player, prefix + model, result.text);
  }
}

await runAll({
  ...wholeAndStreamed(create, stream, {
    tools: [{ tools }],
    parallel: [{ tools }],
    image: [{}, picture],
    schema: [schema],
    thinking: [thinking],
  }),
  'mid-stream-error': (r) => broken(r, 'mid-stream-error'),
  'truncated': (r) => broken(r, 'truncated'),
  'abort': (r) => {
    const stop = new AbortController();
    return broken(r, 'abort', (result) => result.text && stop.abort(), { abortSignal: stop.signal });
  },
});
