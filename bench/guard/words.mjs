// Writes the word lists of the name tagger: node words.mjs FAKER DATA OUT-GAZETTEER OUT-TRAINING
// FAKER is an unpacked @faker-js/faker (MIT), DATA the folder of labelled guard data. The lists are facts (names of people and places, frequent words).
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const [faker, data, gazetteer, training] = process.argv.slice(2);
const { allLocales: locales } = await import(pathToFileURL(resolve(faker, 'dist/index.js')).href);
const european = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}'’. -]+$/u;
const flat = (v) => v == null ? [] : Array.isArray(v) ? v.map((x) => typeof x === 'string' ? x : x.value) : Object.values(v).flatMap(flat);
const clean = (values, most) => [...new Set(values.filter((v) => typeof v === 'string' && v.length > 1 && v.length < 40 && european.test(v) && !v.includes('{')).map((v) => v.trim()))].slice(0, most);
const every = (pick, most) => [...new Set(Object.entries(locales).flatMap(([name, l]) => ['en_BORK', 'eo', 'en_AU_ocker'].includes(name) ? [] : clean(flat(pick(l)), most)))];

// Words that are frequent in lower case in texts that people may train on: what starts a sentence without being a name.
const counts = new Map();
for (const [file, field] of [['injection.jsonl', 'text'], ['indirect.jsonl', 'document_text']]) {
  for (const line of readFileSync(`${data}/${file}`, 'utf8').trim().split('\n')) {
    const row = JSON.parse(line);
    if (row.train_ok && !(row.label ?? row.injected)) {
      for (const word of new Set(row[field].match(/(?<![\p{L}\d_'])[a-z]{2,}(?![\p{L}\d_])/gu) ?? [])) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
}
const common = [...counts].filter(([, n]) => n >= 2).map(([w]) => w).sort();

const first = every((l) => l.person?.first_name, 900).filter((n) => !n.includes(' '));
const last = every((l) => l.person?.last_name, 900).filter((n) => !n.includes(' '));
const city = every((l) => l.location?.city_name, 500);
const country = clean([...flat(locales.en.location.country), 'USA', 'UK', 'US', 'U.S.', 'UAE', 'England', 'Scotland', 'Wales', 'Northern Ireland', 'Great Britain', 'America', 'Russia', 'Iran', 'Syria',
  'South Korea', 'North Korea', 'Vietnam', 'Taiwan', 'Bolivia', 'Venezuela', 'Tanzania', 'Moldova', 'Laos', 'Macedonia', 'Ivory Coast', 'Czech Republic', 'Palestine', 'Vatican', 'Europe', 'Asia', 'Africa',
  'Kingdom of the Netherlands', 'Netherlands', 'Republic of Ireland', 'Brunei', 'Burma', 'Cape Verde', 'Swaziland', 'East Timor', 'The Gambia', 'The Bahamas', 'Micronesia', 'Turkey', 'Hong Kong', 'Macau', 'Greenland', 'California', 'Texas',
  ...flat(locales.en.location.state)]);
const section = (name, values) => `[${name}]\n${values.join('\n')}\n`;
writeFileSync(gazetteer, [section('first', first), section('last', last), section('city', city), section('country', country), section('common', common)].join(''));

const streets = every((l) => l.location?.street_name, 60);
const suffixes = clean([...flat(locales.en.location.street_suffix), ...flat(locales.en_GB.location.street_suffix), 'St', 'Ave', 'Rd', 'Blvd', 'Dr', 'Ln', 'Ct', 'St.', 'Ave.', 'Rd.', 'Blvd.', 'Dr.', 'Pl', 'Sq', 'Hwy', 'Way']);
const jobs = clean(flat(locales.en.person.job_type)).flatMap((t) => clean(flat(locales.en.person.job_area)).map((a) => `${a} ${t}`));
writeFileSync(training, [section('street', streets), section('suffix', suffixes), section('job', jobs)].join(''));
console.log(`first ${first.length}, last ${last.length}, city ${city.length}, country ${country.length}, common ${common.length}, street ${streets.length}, job ${jobs.length}`);
