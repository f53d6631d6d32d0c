// One streamed chat completion with OpenAI's SDK: npm install openai, then node samples/chat.mjs "Why is the sky blue?"
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
const client = new OpenAI({
  baseURL: `${process.env.GATEHOUSE_URL ?? 'http://127.0.0.1:8080'}/v1`,
  apiKey: process.env.GATEHOUSE_KEY ?? readFileSync(new URL('../data/sample-key', import.meta.url), 'utf8').trim(),
});
const messages = [{ role: 'user', content: process.argv[2] ?? 'Hello' }];
const stream = await client.chat.completions.create({ model: process.env.GATEHOUSE_MODEL ?? 'simulator', messages, stream: true });
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
