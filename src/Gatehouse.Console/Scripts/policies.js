// The policy editor: a mistake's place selects its line, and a replay shows its sums as they come.
export function editPolicies() {
  document.addEventListener('click', (event) => {
    const place = event.target.closest('[data-goto]');
    const text = document.getElementById('policy-text');
    if (place && text) select(text, ...place.dataset.goto.split(':').map(Number));
  });

  document.addEventListener('submit', (event) => {
    const form = event.target.closest('[data-replay]');
    if (!form) return;
    event.preventDefault();
    replay(form, document.querySelector('[data-replay-result]'));
  });
}

function select(text, line, column) {
  const lines = text.value.split('\n');
  const start = lines.slice(0, Math.max(0, line - 1)).reduce((sum, l) => sum + l.length + 1, 0);
  text.focus();
  text.setSelectionRange(start + Math.max(0, column - 1), start + (lines[line - 1] ?? '').length);
  text.scrollTop = Math.max(0, line - 6) * parseFloat(getComputedStyle(text).lineHeight);
}

let running;

function replay(form, result) {
  running?.close();
  for (const field of form.elements) field.disabled = false; // an address leaves empty fields out
  const asked = new FormData(form);
  const since = new Date(Date.now() - Number(asked.get('days')) * 86400000).toISOString();
  const query = new URLSearchParams({ from: asked.get('from'), to: asked.get('to'), max: asked.get('max'), since });
  if (asked.get('system')) query.set('system', asked.get('system'));
  result.hidden = false;
  result.replaceChildren(line('Reading …'));
  let last;
  running = new EventSource(`${form.getAttribute('action')}?${query}`);
  running.onmessage = (event) => {
    last = JSON.parse(event.data);
    show(last, result);
    if (last.done) running.close();
  };
  running.onerror = async () => {
    running.close();
    if (last?.done) return;
    const answer = last ? null : await fetch(`${form.getAttribute('action')}?${query}`).catch(() => null);
    const problem = answer && !answer.ok ? await answer.json().catch(() => null) : null;
    answer?.body?.cancel?.();
    result.replaceChildren(line(problem?.detail ?? 'The replay was cut off: try again.'));
  };
}

function show(sums, result) {
  const count = (n) => n.toLocaleString('en-US');
  const parts = [line(`${count(sums.changed)} of ${count(sums.calls)} stored calls would have another verdict${sums.done ? '.' : ' so far …'}`, 'replay-sum')];
  for (const { reason, calls } of sums.not_replayable) {
    parts.push(line(`Not replayable: ${count(calls)}, because ${reason}.`, 'hint'));
  }

  if (sums.rewritten > 0) {
    parts.push(line(`In ${count(sums.rewritten)} a guard had replaced something, whose value was never stored: it is judged by its recorded type, score and side.`, 'hint'));
  }

  if (sums.not_replayed.length > 0) {
    parts.push(line(`Rules that ask somebody or judge whole answers are left out: ${sums.not_replayed.join(', ')}.`, 'hint'));
  }

  if (sums.verdicts.length > 0) {
    parts.push(table(['Verdict', 'Would be', 'Calls'], sums.verdicts.map((v) => [v.from, v.to, count(v.calls)])));
    parts.push(table(['Rule', 'Detector', 'Action', '', 'Calls'], sums.rules.map((r) =>
      [r.rule, r.detector.replaceAll('_', ' '), r.action, r.side === 'to' ? 'acts now' : 'acts no longer', count(r.calls)])));
    parts.push(table(['Call', 'System', 'Verdict', 'Would be', 'Rules'], sums.samples.map((s) =>
      [door(s.call), s.system, s.from, s.to, s.rules.join(', ')])));
  }

  result.replaceChildren(...parts);
}

function door(call) {
  const link = document.createElement('a');
  link.href = `/calls/${call}`;
  link.textContent = call.slice(0, 13) + '…';
  return link;
}

function line(words, className = '') {
  const p = document.createElement('p');
  p.className = className;
  p.textContent = words;
  return p;
}

function table(columns, rows) {
  const made = document.createElement('table');
  made.className = 'table';
  const head = made.createTHead().insertRow();
  for (const column of columns) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = column;
    if (column === 'Calls') cell.className = 'right';
    if (!column) cell.append(hidden('Since'));
    head.append(cell);
  }

  const body = made.createTBody();
  for (const row of rows) {
    const tr = body.insertRow();
    row.forEach((value, i) => {
      const cell = tr.insertCell();
      if (columns[i] === 'Calls') cell.className = 'right';
      cell.append(value);
    });
  }

  const scroll = document.createElement('div');
  scroll.className = 'table-scroll';
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', columns[0]);
  scroll.append(made);
  return scroll;
}

function hidden(words) {
  const span = document.createElement('span');
  span.className = 'hidden';
  span.textContent = words;
  return span;
}
