// usage: node media.mjs <base address> <key>
import OpenAI, { toFile } from 'openai';
import { pixel, runAll } from './scenarios.mjs';

const [base, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const model = 'simulator';
const picture = () => toFile(Buffer.from(pixel, 'base64'), 'pixel.png', { type: 'image/png' });
const sound = () => toFile(Buffer.from('RIFFsound'), 'sound.wav', { type: 'audio/wav' });
const isPng = (b64) => Buffer.from(b64, 'base64').subarray(1, 4).toString() === 'PNG';

async function read(r, events, textOf) {
  for await (const event of events) {
    r.chunks++;
    r.finish = event.type;
    r.text += textOf(event);
    r.input = event.usage?.input_tokens ?? r.input;
    r.output = event.usage?.output_tokens ?? r.output;
  }
}

await runAll({
  'image': async (r) => {
    const answer = await client.images.generate({ model, prompt: 'A gate', n: 2 });
    r.text = answer.data.map((d) => isPng(d.b64_json)).join();
    r.output = answer.usage.output_tokens;
  },
  'image-stream': async (r) => read(r, await client.images.generate({ model, prompt: 'A gate', stream: true, partial_images: 2 }), (e) => (isPng(e.b64_json) ? 'p' : '')),
  'image-edit': async (r) => {
    const answer = await client.images.edit({ model, prompt: 'A gate', image: [await picture(), await picture()] });
    r.text = `${isPng(answer.data[0].b64_json)}`;
    r.input = answer.usage.input_tokens_details.image_tokens;
  },
  'image-variation': async (r) => {
    r.text = `${isPng((await client.images.createVariation({ model, image: await picture() })).data[0].b64_json)}`;
  },
  'speech': async (r) => {
    const answer = await client.audio.speech.create({ model, voice: 'alloy', input: 'Hello there' });
    r.text = Buffer.from(await answer.arrayBuffer()).subarray(0, 4).toString();
    r.finish = answer.headers.get('content-type');
  },
  'transcription': async (r) => {
    const answer = await client.audio.transcriptions.create({ model, file: await sound() });
    r.text = answer.text;
    r.output = answer.usage.output_tokens;
  },
  'transcription-text': async (r) => { r.text = await client.audio.transcriptions.create({ model, file: await sound(), response_format: 'text' }); },
  'transcription-stream': async (r) => read(r, await client.audio.transcriptions.create({ model, file: await sound(), stream: true }), (e) => e.delta ?? ''),
  'translation': async (r) => { r.text = (await client.audio.translations.create({ model, file: await sound() })).text; },
  'unknown-model': (r) => client.audio.translations.create({ model: 'no-such-model', file: new File(['x'], 'x.wav') }).then(() => r),
});
