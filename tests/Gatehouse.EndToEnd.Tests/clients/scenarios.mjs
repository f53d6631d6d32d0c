// What the SDKs are asked to do. Each scenario is a model name that the wire player knows.
export const weather = {
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
export const answerSchema = { type: 'object', properties: { answer: { type: 'integer' } }, required: ['answer'], additionalProperties: false };
export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

// Tells the player that the text before its fault has arrived.
export async function seen(player, model, text) {
  if (text === 'Hello from') {
    await fetch(`${player}seen/${model}`);
  }
}

// The scenarios that every client runs whole and streamed, with what 'more' says that each is called with.
export function wholeAndStreamed(create, stream, more) {
  const scenarios = {};
  for (const name of ['text', 'tools', 'parallel', 'image', 'schema', 'thinking', 'refusal', 'length', 'rate-limited', 'bad-request']) {
    scenarios[name] = (result) => create(result, name, ...more[name] ?? []);
    scenarios[`${name}-stream`] = (result) => stream(result, name, ...more[name] ?? []);
  }
  return scenarios;
}

// Runs the scenarios one after another and prints one JSON line for each.
export async function runAll(scenarios) {
  for (const [name, run] of Object.entries(scenarios)) {
    const result = { scenario: name, text: '', thinking: '', signature: null, finish: null, tools: [], input: null, output: null, chunks: 0, error: null, status: null, message: null };
    try {
      await run(result);
    } catch (e) {
      result.error = e.constructor.name;
      result.status = e.status ?? e.statusCode ?? null;
      result.message = e.message;
    }
    console.log(JSON.stringify(result));
  }
}
