// Live tail: new calls go on top while nobody reads further down; otherwise they wait behind a button that counts them.
const HELD = 200;

export function followCalls() {
  const tail = document.getElementById('tail');
  if (!tail) return;
  const rows = document.getElementById('call-rows');
  const button = document.getElementById('tail-waiting');
  const waiting = [];
  const seen = new Set();

  tail.addEventListener('call', (event) => {
    const id = event.detail.id;
    if (id && (seen.has(id) || document.getElementById('call-' + id))) return;
    seen.add(id);
    waiting.push(event.detail.data);
    if (waiting.length > HELD) waiting.shift();
    if (isRead()) count(); else show();
  });
  button.addEventListener('click', () => { scrollTo({ top: 0 }); show(); });

  function isRead() {
    return scrollY > 40 || rows.contains(document.activeElement) || rows.matches(':hover') || !getSelection().isCollapsed;
  }

  function count() {
    button.hidden = waiting.length === 0;
    button.textContent = `Show ${waiting.length === HELD ? HELD + ' or more' : waiting.length} new ${waiting.length === 1 ? 'call' : 'calls'}`;
  }

  function show() {
    for (const row of waiting.splice(0)) rows.insertAdjacentHTML('afterbegin', row);
    while (rows.children.length > 500) rows.lastElementChild.remove();
    document.getElementById('no-calls')?.remove();
    count();
  }
}
