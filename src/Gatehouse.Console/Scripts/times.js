// Times read relative to now, with the exact one in the reader's zone on hover.
const exact = new Intl.DateTimeFormat(undefined, {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
});

export function ago(at, now = Date.now()) {
  const seconds = Math.floor((now - at) / 1000);
  const size = Math.abs(seconds);
  const span = size < 60 ? `${size} s` : size < 3600 ? `${Math.floor(size / 60)} min`
    : size < 172800 ? `${Math.floor(size / 3600)} h` : `${Math.floor(size / 86400)} days`;
  return seconds < 0 ? `in ${span}` : seconds < 5 ? 'just now' : `${span} ago`;
}

export function tellTimes() {
  for (const time of document.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    time.title = exact.format(at);
    if (!time.hasAttribute('data-exact')) time.textContent = ago(at.getTime());
    else time.textContent = exact.format(at);
  }
}

setInterval(tellTimes, 10_000);
