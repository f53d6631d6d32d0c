// usage: node langchain.mjs <base address> <key> <route prefix> <player's address> [chat]
import { HumanMessage, SystemMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { answerSchema, pixel, runAll, seen, weather, wholeAndStreamed } from './scenarios.mjs';

const [base, apiKey, prefix, player, format] = process.argv.slice(2);
const isChat = format === 'chat';
const tools = [{ type: 'function', function: weather }];
const chat = (model) => new ChatOpenAI({
  model: prefix + model, apiKey, maxRetries: 0, useResponsesApi: !isChat, configuration: { baseURL: `${base}/v1` },
});
const user = (content) => [new SystemMessage('Be brief.'), new HumanMessage({ content })];

function keep(result, message) {
  result.text = message.text || (message.additional_kwargs.refusal ?? '');
  const told = message.response_metadata;
  result.finish = isChat ? told.finish_reason : told.incomplete_details?.reason ?? told.status;
  result.thinking = message.additional_kwargs.reasoning?.summary?.map((s) => s.text).join('') ?? '';
  result.signature = message.additional_kwargs.reasoning?.encrypted_content ?? null;
  result.tools = (message.tool_calls ?? []).map((t) => ({ name: t.name, arguments: t.args }));
  result.input = message.usage_metadata?.input_tokens ?? null;
  result.output = message.usage_metadata?.output_tokens ?? null;
}

const create = async (result, model, extra = {}, content = 'Hello') => keep(result, await chat(model).invoke(user(content), extra));

async function stream(result, model, extra = {}, content = 'Hello') {
  const stop = new AbortController();
  let whole;
  for await (const chunk of await chat(model).stream(user(content), { ...extra, signal: stop.signal })) {
    result.chunks++;
    whole = whole ? whole.concat(chunk) : chunk;
    result.text = whole.text;
    await seen(player, prefix + model, result.text);
    if (model === 'abort' && result.text) {
      stop.abort();
    }
  }
  keep(result, whole);
}

const picture = [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }];
const thinking = isChat ? {} : { reasoning: { effort: 'low', summary: 'auto' } };
const schema = { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: answerSchema, strict: true } } };

await runAll({
  ...wholeAndStreamed(create, stream, {
    tools: [{ tools }],
    parallel: [{ tools }],
    image: [{}, picture],
    schema: [schema],
    thinking: [thinking],
  }),
  'mid-stream-error': (r) => stream(r, 'mid-stream-error'),
  'truncated': (r) => stream(r, 'truncated'),
  'abort': (r) => stream(r, 'abort'),
});
