// usage: node anthropic.mjs <base address> <key> <route prefix> <player's address>
import Anthropic from '@anthropic-ai/sdk';
import { answerSchema, pixel, runAll, seen, weather, wholeAndStreamed } from './scenarios.mjs';

const [baseURL, apiKey, prefix, player] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];
const tools = [{ name: weather.name, description: weather.description, input_schema: weather.parameters }];
const schema = { output_config: { format: { type: 'json_schema', schema: answerSchema } } };
const thinking = { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } };
const picture = [
  { type: 'text', text: 'What is this?' },
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
];
const request = (model, extra = {}, content = 'Hello') => ({ model: prefix + model, max_tokens: 200, system: 'Be brief.', messages: user(content), ...extra });

function keep(result, message) {
  result.text = message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');
  const thought = message.content.find((b) => b.type === 'thinking');
  result.thinking = thought?.thinking ?? '';
  result.signature = thought?.signature || null;
  result.finish = message.stop_reason;
  result.tools = message.content.filter((b) => b.type === 'tool_use').map((b) => ({ name: b.name, arguments: b.input }));
  result.input = message.usage.input_tokens;
  result.output = message.usage.output_tokens;
}

async function create(result, ...args) {
  keep(result, await client.messages.create(request(...args)));
}

async function stream(result, ...args) {
  const runner = client.messages.stream(request(...args));
  for await (const _ of runner) {
    result.chunks++;
  }
  keep(result, await runner.finalMessage());
}

async function raw(result, model, onText = () => {}) {
  const events = await client.messages.create({ ...request(model), stream: true });
  for await (const event of events) {
    result.chunks++;
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
      result.text += event.delta.text;
      await onText(events);
      await seen(player, prefix + model, result.text);
    }
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
  'mid-stream-error': (r) => raw(r, 'mid-stream-error'),
  'truncated': (r) => raw(r, 'truncated'),
  'abort': (r) => raw(r, 'abort', (events) => events.controller.abort()),
});
