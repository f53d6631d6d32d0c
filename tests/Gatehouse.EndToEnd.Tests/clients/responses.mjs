// usage: node responses.mjs <base address> <key> <route prefix> <player's address>
import OpenAI from 'openai';
import { answerSchema, pixel, runAll, seen, weather, wholeAndStreamed } from './scenarios.mjs';

const [base, apiKey, prefix, player] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const tools = [{ type: 'function', strict: null, ...weather }];

function keep(result, response) {
  result.text = response.output.flatMap((o) => o.content ?? []).map((c) => c.text ?? c.refusal).join('');
  result.finish = response.incomplete_details?.reason ?? response.status;
  const reasoning = response.output.find((o) => o.type === 'reasoning');
  result.thinking = reasoning?.summary.map((s) => s.text).join('') ?? '';
  result.signature = reasoning?.encrypted_content ?? null;
  result.tools = response.output.filter((o) => o.type === 'function_call').map((o) => ({ name: o.name, arguments: JSON.parse(o.arguments) }));
  result.input = response.usage?.input_tokens ?? null;
  result.output = response.usage?.output_tokens ?? null;
}

const request = (model, extra) => ({ model: prefix + model, instructions: 'Be brief.', input: 'Hello', ...extra });

async function create(result, model, extra = {}) {
  keep(result, await client.responses.create(request(model, extra)));
}

// The SDK's own accumulator: it throws on events that contradict each other.
async function stream(result, model, extra = {}) {
  const events = client.responses.stream(request(model, extra));
  let last;
  for await (const event of events) {
    result.chunks++;
    last = event.response ?? last;
  }
  await events.finalResponse();
  keep(result, last);
}

async function read(result, model) {
  const events = await client.responses.create(request(model, { stream: true }));
  for await (const event of events) {
    result.chunks++;
    if (event.type === 'response.output_text.delta') {
      result.text += event.delta;
      await seen(player, prefix + model, result.text);
    }
    if (model === 'abort' && result.text) {
      events.controller.abort();
    }
  }
}

const picture = {
  input: [{ role: 'user', content: [
    { type: 'input_text', text: 'What is this?' },
    { type: 'input_image', image_url: `data:image/png;base64,${pixel}`, detail: 'auto' },
  ] }],
};
const schema = { text: { format: { type: 'json_schema', name: 'answer', schema: answerSchema, strict: true } } };
const thinking = { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] };

await runAll({
  ...wholeAndStreamed(create, stream, {
    tools: [{ tools }],
    parallel: [{ tools, parallel_tool_calls: true }],
    image: [picture],
    schema: [schema],
    thinking: [thinking],
  }),
  'mid-stream-error': (r) => read(r, 'mid-stream-error'),
  'truncated': (r) => read(r, 'truncated'),
  'abort': (r) => read(r, 'abort'),
  // A conversation that Gatehouse keeps.
  'stored': async (r) => {
    const first = await client.responses.create(request('text'));
    const second = await client.responses.create(request('text', { input: 'And then?', previous_response_id: first.id }));
    const found = await client.responses.retrieve(second.id);
    for await (const item of client.responses.inputItems.list(second.id, { order: 'asc', limit: 1 })) {
      r.chunks++;
      r.text += `${item.role}: ${item.content[0].text}\n`;
    }
    r.finish = found.status;
    await client.responses.delete(second.id);
    await client.responses.retrieve(second.id);
  },
  'background': async (r) => {
    let response = await client.responses.create(request('text', { background: true }));
    while (response.status === 'queued' || response.status === 'in_progress') {
      r.chunks++;
      response = await client.responses.retrieve(response.id);
    }
    keep(r, response);
  },
});
