import { moves, type Move } from '../live/state.ts';

const SVG = 'http://www.w3.org/2000/svg';
const MS = 1600;
/** So many dots at most stand for the sessions of one move. */
const MOST_DOTS = 12;

/** Draws each move as dots that go from one replica to the other, for as long as the picture is there. Returns the way to stop it. */
export function followMoves(picture: HTMLElement, svg: SVGSVGElement): () => void {
  let last = -1;
  return moves.subscribe((all) => {
    const added = all.filter(({ id }) => id > last);
    last = Math.max(last, ...added.map(({ id }) => id));
    // The cards of a new replica are there one frame later.
    if (added.length > 0) requestAnimationFrame(() => draw(picture, svg, added));
  });
}

type Point = readonly [x: number, y: number];

/** All places are read before anything is drawn: to draw in between would lay the page out again for each. */
function draw(picture: HTMLElement, svg: SVGSVGElement, all: readonly Move[]): void {
  const layer = svg.querySelector('.moving');
  if (!layer || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const box = picture.getBoundingClientRect();
  const middle = (element: Element): Point => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [left - box.left + width / 2, top - box.top + height / 2];
  };
  const ways = all.flatMap(({ server, from, to, count }) => {
    const card = (slot: string): Element | null =>
      picture.querySelector(`[data-slot="${CSS.escape(`${server}/${slot}`)}"]`);
    const start = card(from) ?? card('gone') ?? picture.querySelector(`[data-server="${CSS.escape(server)}"]`),
      end = card(to);
    return start && end ? [{ from: middle(start), to: middle(end), dots: Math.min(count, MOST_DOTS) }] : [];
  });
  for (const { from, to, dots } of ways) for (let index = 0; index < dots; index++) drawDot(layer, from, to, index);
}

function drawDot(layer: Element, [x1, y1]: Point, [x2, y2]: Point, index: number): void {
  const dot = layer.appendChild(document.createElementNS(SVG, 'circle'));
  dot.setAttribute('r', '5');
  dot
    .animate(
      [
        { transform: `translate(${x1}px, ${y1}px)`, opacity: 0.2 },
        { transform: `translate(${(x1 + x2) / 2}px, ${Math.min(y1, y2) - 24}px)`, opacity: 1 },
        { transform: `translate(${x2}px, ${y2}px)`, opacity: 0.9 },
      ],
      { duration: MS, delay: index * 60, easing: 'ease-in-out', fill: 'both' },
    )
    .addEventListener('finish', () => dot.remove());
}
