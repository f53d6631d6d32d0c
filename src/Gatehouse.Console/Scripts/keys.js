import { openPalette } from './palette.js';

const places = { o: '/', c: '/calls', s: '/systems', p: '/providers', r: '/routes' };
let going = 0;

export function listenToKeys() {
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      openPalette();
      return;
    }

    const writing = event.target.closest('input, textarea, select, [contenteditable]');
    if (writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (Date.now() - going < 1200 && places[event.key]) {
      location.href = places[event.key];
      return;
    }

    switch (event.key) {
      case 'g': going = Date.now(); break;
      case '?': document.getElementById('keys')?.showModal(); break;
      case '/': {
        event.preventDefault();
        const field = document.querySelector('main [data-search]');
        if (field) field.focus(); else openPalette();
        break;
      }
      case 'j': step(1); break;
      case 'k': step(-1); break;
    }
  });
}

/** Moves the focus over the links of rows, in the order of the page. */
function step(by) {
  const links = [...document.querySelectorAll('main a.row-link')];
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
