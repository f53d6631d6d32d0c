// What the AI SDK is asked to do, whichever adapter it speaks by.
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import { answerSchema, pixel, seen, weather, wholeAndStreamed } from './scenarios.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false; // they would go where the results go

const tools = { [weather.name]: tool({ description: weather.description, inputSchema: jsonSchema(weather.parameters) }) };
const picture = {
  messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image', image: `data:image/png;base64,${pixel}` }] }],
};

// modelOf: the adapter's model of a name; signatureOf: the signature among the metadata of a thought;
// schema, thinking: what the adapter needs to be asked for them.
export function scenariosOf({ prefix, player, modelOf, signatureOf, schema = {}, thinking }) {
  const structured = { output: Output.object({ schema: jsonSchema(answerSchema) }), ...schema };
  const request = (model, extra = {}) => ({
    model: modelOf(prefix + model), system: 'Be brief.', maxRetries: 0, ...(extra.messages ? {} : { prompt: 'Hello' }), ...extra,
  });

  async function keep(result, answer) {
    result.text = await answer.text;
    result.finish = await answer.finishReason;
    result.tools = (await answer.toolCalls).map((t) => ({ name: t.toolName, arguments: t.input }));
    for (const part of await answer.reasoning) {
      result.thinking += part.text;
      result.signature = signatureOf(part.providerMetadata) || result.signature;
    }
    const usage = await answer.usage;
    result.input = usage.inputTokens;
    result.output = usage.outputTokens;
  }

  const create = async (result, model, extra = {}) => keep(result, await generateText(request(model, extra)));

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

  const scenarios = wholeAndStreamed(create, stream, {
    tools: [{ tools }], parallel: [{ tools }], image: [picture], schema: [structured], thinking: [thinking],
  });
  for (const name of ['mid-stream-error', 'truncated', 'abort']) {
    scenarios[name] = (r) => stream(r, name);
  }
  return { scenarios, request, keep };
}
