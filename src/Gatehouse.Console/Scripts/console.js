// The console's browser side: small modules, each of which makes a page nicer and none of which it needs.
import { drawCharts } from './charts.js';
import { tellTimes } from './times.js';
import { listenToKeys } from './keys.js';
import { followCalls } from './follow.js';
import { openPalette } from './palette.js';
import { editPolicies } from './policies.js';

const said = document.getElementById('said');
let quiet;

export function say(words) {
  if (!said) return;
  said.textContent = words;
  said.classList.add('on');
  clearTimeout(quiet);
  quiet = setTimeout(() => said.classList.remove('on'), 1600);
}

document.addEventListener('click', async (event) => {
  const copies = event.target.closest('[data-copies]');
  if (copies) {
    await navigator.clipboard.writeText(copies.dataset.copies);
    say('Copied');
    return;
  }

  const opens = event.target.closest('[data-opens]');
  if (opens) {
    if (opens.dataset.opens === 'palette') openPalette();
    else document.getElementById(opens.dataset.opens)?.showModal();
    return;
  }

  if (event.target.closest('[data-closes]') || event.target instanceof HTMLDialogElement) {
    event.target.closest('dialog')?.close();
    return;
  }

  const folds = event.target.closest('[data-folds]');
  if (folds) {
    const open = document.getElementById(folds.dataset.folds).classList.toggle('open');
    folds.setAttribute('aria-expanded', String(open));
  }
});

document.addEventListener('change', (event) => {
  if (event.target.closest('[data-submits]')) event.target.form.requestSubmit();
});

// A GET form leaves its empty fields out of the address.
document.addEventListener('submit', (event) => {
  if (event.target.method !== 'get') return;
  for (const field of event.target.elements) {
    if (field.name && field.value === '') field.disabled = true;
  }
});
window.addEventListener('pageshow', () => {
  for (const field of document.querySelectorAll('form[method=get] :disabled')) field.disabled = false;
});

listenToKeys();
editPolicies();
followCalls();
drawCharts();
tellTimes();
document.addEventListener('htmx:after:swap', () => { drawCharts(); tellTimes(); });
