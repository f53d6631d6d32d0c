// usage: node batches.mjs <base address> <key>
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { toFile } from 'openai';
import { runAll } from './scenarios.mjs';

const [base, apiKey] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey, maxRetries: 0 });
const body = (content) => ({ model: 'simulator', max_tokens: 20, messages: [{ role: 'user', content }] });

function upload(contents) {
  const lines = contents.map((c, i) => JSON.stringify({ custom_id: `r${i}`, method: 'POST', url: '/v1/chat/completions', body: body(c) }));
  return toFile(Buffer.from(lines.join('\n')), 'requests.jsonl').then((file) =>
    openai.files.create({ file, purpose: 'batch', expires_after: { anchor: 'created_at', seconds: 7200 } }));
}

async function start(contents) {
  const file = await upload(contents);
  return openai.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { who: 'npm' } });
}

async function end(id) {
  for (;;) {
    const batch = await openai.batches.retrieve(id);
    if (['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) {
      return batch;
    }
  }
}

await runAll({
  'openai': async (r) => {
    const batch = await end((await start(['Hello', 'Hi [simulator: context_length]', 'Bye'])).id);
    const lines = async (id) => (await (await openai.files.content(id)).text()).trim().split('\n').map((l) => JSON.parse(l));
    r.finish = `${batch.status} ${batch.request_counts.completed} ${batch.request_counts.failed} ${batch.metadata.who}`;
    r.text = (await lines(batch.output_file_id)).map((l) => `${l.custom_id} ${l.response.body.object}`).join(', ');
    r.message = (await lines(batch.error_file_id)).map((l) => `${l.custom_id} ${l.response.body.error.code}`).join(', ');
    for await (const file of openai.files.list({ limit: 1 })) {
      r.chunks += file.bytes > 0 ? 1 : 0;
    }
    for await (const listed of openai.batches.list({ limit: 1 })) {
      r.thinking += listed.id === batch.id ? 'listed' : '';
    }
    r.thinking += (await openai.files.delete(batch.input_file_id)).deleted ? ' deleted' : '';
  },
  'openai-cancel': async (r) => {
    const batch = await start(Array(50).fill('Hi [simulator: latency=200ms]'));
    await openai.batches.cancel(batch.id);
    r.finish = (await end(batch.id)).status;
  },
  'openai-missing': (r) => openai.files.retrieve('file-none').then(() => r),
  'anthropic': async (r) => {
    const requests = ['Hello', 'Hi [simulator: context_length]'].map((c, i) => ({ custom_id: `r${i}`, params: body(c) }));
    let batch = await anthropic.messages.batches.create({ requests });
    while (batch.processing_status !== 'ended') {
      batch = await anthropic.messages.batches.retrieve(batch.id);
    }
    for await (const one of await anthropic.messages.batches.results(batch.id)) {
      r.text += `${one.custom_id} ${one.result.type} ${one.result.message?.type ?? one.result.error.error.type}; `;
    }
    for await (const listed of anthropic.messages.batches.list({ limit: 1 })) {
      r.chunks += listed.id === batch.id ? 1 : 0;
    }
    r.finish = (await anthropic.messages.batches.delete(batch.id)).type;
  },
  'anthropic-cancel': async (r) => {
    const requests = Array.from({ length: 50 }, (_, i) => ({ custom_id: `r${i}`, params: body('Hi [simulator: latency=200ms]') }));
    const batch = await anthropic.messages.batches.create({ requests });
    r.finish = (await anthropic.messages.batches.cancel(batch.id)).processing_status;
  },
});
