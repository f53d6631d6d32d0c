// The palette: the server finds, the arrow keys choose, Enter opens.
const palette = document.getElementById('palette');
const query = document.getElementById('palette-query');
const results = document.getElementById('palette-results');

export function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  query.select();
  htmx.trigger(query, 'opened');
}

function options() {
  return [...results.querySelectorAll('[role=option]')];
}

function select(option) {
  for (const other of options()) other.setAttribute('aria-selected', String(other === option));
  if (option) {
    query.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  } else {
    query.removeAttribute('aria-activedescendant');
  }
}

if (palette) {
  results.addEventListener('htmx:after:swap', () => select(options()[0]));
  document.addEventListener('htmx:after:swap', () => { if (palette.open) select(options()[0]); });
  query.addEventListener('keydown', (event) => {
    const all = options();
    const at = all.findIndex((option) => option.getAttribute('aria-selected') === 'true');
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      select(all[(at + (event.key === 'ArrowDown' ? 1 : all.length - 1)) % all.length]);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (all[at]) location.href = all[at].href;
    }
  });
}
