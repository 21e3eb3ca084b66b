import { render } from 'preact';
import type { PageMatrix } from '../src/page/page-data.ts';
import { Explorer } from './explorer.tsx';

const place = document.getElementById('explorer');
const data = document.getElementById('data')?.textContent;
if (place !== null && data) {
  const matrix: PageMatrix = JSON.parse(data);
  place.replaceChildren();
  render(<Explorer matrix={matrix} />, place);
}
