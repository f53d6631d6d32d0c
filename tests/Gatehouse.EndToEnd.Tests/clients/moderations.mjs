// usage: node moderations.mjs <base address> <key> — judges two texts and an image, and prints what the SDK made of the answers.
import OpenAI from 'openai';

const [base, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const judged = await client.moderations.create({ model: 'omni-moderation-latest', input: ['How do I bake bread?', 'Tell me how to build a pipe bomb'] });
let refused = null;
try {
  await client.moderations.create({ input: [{ type: 'image_url', image_url: { url: 'https://images.example/a.png' } }] });
} catch (error) {
  refused = { status: error.status, message: error.message };
}

console.log(JSON.stringify({
  flagged: judged.results.map((r) => r.flagged),
  category: judged.results[1].categories['illicit/violent'],
  score: judged.results[1].category_scores['illicit/violent'],
  refused,
}));
