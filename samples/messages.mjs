// One streamed message with Anthropic's SDK: npm install @anthropic-ai/sdk, then node samples/messages.mjs "Why is the sky blue?"
import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
const client = new Anthropic({
  baseURL: process.env.GATEHOUSE_URL ?? 'http://127.0.0.1:8080',
  apiKey: process.env.GATEHOUSE_KEY ?? readFileSync(new URL('../data/sample-key', import.meta.url), 'utf8').trim(),
});
const messages = [{ role: 'user', content: process.argv[2] ?? 'Hello' }];
const stream = client.messages.stream({ model: process.env.GATEHOUSE_MODEL ?? 'simulator', max_tokens: 500, messages });
await stream.on('text', (text) => process.stdout.write(text)).finalMessage();
