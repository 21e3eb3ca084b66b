/** Shows on a served page whether it is still up to date. */
const place = document.getElementById('live');
if (place !== null) {
  const changes = new EventSource(`changes?version=${place.dataset.version}`);
  changes.addEventListener('message', ({ data }) => show(place, data));
  // An EventSource connects again by itself.
  changes.addEventListener('error', () => show(place, 'ended'));
}

function show(place: HTMLElement, state: string): void {
  place.className = state === 'current' ? 'live' : 'live note odd';
  place.textContent = TEXTS.get(state) ?? '';
  if (state !== 'changed') return;
  const link = document.createElement('a');
  link.href = '/';
  link.textContent = 'Show it as it is now';
  place.append(' ', link);
}

const TEXTS = new Map([
  ['current', 'Live: this is the policy as it is now.'],
  ['changed', 'The policy has changed since this page was made.'],
  ['unknown', "The policy can't be read at the moment: this page may be out of date."],
  ['ended', 'casbin-bootstrap serve does not answer: this page may be out of date.'],
]);
