// usage: node openai.mjs <base address> <key> <route prefix> <player's address>
import OpenAI from 'openai';
import { answerSchema, pixel, runAll, seen, weather, wholeAndStreamed } from './scenarios.mjs';

const [base, apiKey, prefix, player] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const user = (content) => [{ role: 'system', content: 'Be brief.' }, { role: 'user', content }];
const picture = [
  { type: 'text', text: 'What is this?' },
  { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
];
const schema = { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: answerSchema, strict: true } } };
const tools = [{ type: 'function', function: weather }];

function keep(result, completion) {
  const [choice] = completion.choices;
  result.text = choice.message.content ?? '';
  result.thinking = choice.message.reasoning_content ?? '';
  result.signature = choice.message.reasoning_details?.find((d) => d.signature)?.signature ?? null;
  result.finish = choice.finish_reason;
  result.tools = (choice.message.tool_calls ?? []).map((t) => ({ name: t.function.name, arguments: JSON.parse(t.function.arguments) }));
  result.input = completion.usage?.prompt_tokens ?? null;
  result.output = completion.usage?.completion_tokens ?? null;
}

async function create(result, model, extra = {}, content = 'Hello') {
  keep(result, await client.chat.completions.create({ model: prefix + model, messages: user(content), ...extra }));
}

async function stream(result, model, extra = {}, content = 'Hello') {
  let thinking = '';
  let signature = null;
  const runner = client.chat.completions.stream({
    model: prefix + model, messages: user(content), stream_options: { include_usage: true }, ...extra,
  });
  for await (const chunk of runner) {
    result.chunks++;
    const delta = chunk.choices[0]?.delta;
    thinking += delta?.reasoning_content ?? '';
    signature = delta?.reasoning_details?.find((d) => d.signature)?.signature ?? signature;
  }
  keep(result, await runner.finalChatCompletion());
  result.thinking = thinking;
  result.signature = signature;
}

async function broken(result, model, onText = () => {}) {
  const chunks = await client.chat.completions.create({ model: prefix + model, messages: user('Hello'), stream: true });
  for await (const chunk of chunks) {
    result.chunks++;
    result.text += chunk.choices[0]?.delta?.content ?? '';
    onText(chunks);
    await seen(player, prefix + model, result.text);
  }
}

await runAll({
  ...wholeAndStreamed(create, stream, {
    tools: [{ tools }],
    parallel: [{ tools, parallel_tool_calls: true }],
    image: [{}, picture],
    schema: [schema],
    thinking: [{ reasoning_effort: 'low' }],
  }),
  'mid-stream-error': (r) => broken(r, 'mid-stream-error'),
  'truncated': (r) => broken(r, 'truncated'),
  'abort': (r) => broken(r, 'abort', (chunks) => r.text && chunks.controller.abort()),
});
