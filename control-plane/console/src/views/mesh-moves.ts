import { moves, type Move } from '../live/state.ts';

const SVG = 'http://www.w3.org/2000/svg';
const MS = 1600;
/** So many dots at most stand for the sessions of one move. */
const MOST_DOTS = 12;

/** Draws each move as dots that go from one replica to the other, for as long as the picture is there. Returns the way to stop it. */
export function followMoves(picture: HTMLElement, svg: SVGSVGElement): () => void {
  const drawn = new Set<number>();
  return moves.subscribe((all) => {
    for (const move of all) {
      if (drawn.has(move.id)) continue;
      drawn.add(move.id);
      // The cards of a new replica are there one frame later.
      requestAnimationFrame(() => draw(picture, svg, move));
    }
  });
}

function draw(picture: HTMLElement, svg: SVGSVGElement, { server, from, to, count }: Move): void {
  const card = (slot: string): Element | null =>
    picture.querySelector(`[data-slot="${CSS.escape(`${server}/${slot}`)}"]`);
  const [start, end] = [
    card(from) ?? card('gone') ?? picture.querySelector(`[data-server="${CSS.escape(server)}"]`),
    card(to),
  ];
  const layer = svg.querySelector('.moving');
  if (!start || !end || !layer || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const box = picture.getBoundingClientRect();
  const middle = (element: Element): [x: number, y: number] => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [left - box.left + width / 2, top - box.top + height / 2];
  };
  const [x1, y1] = middle(start),
    [x2, y2] = middle(end);
  for (let index = 0; index < Math.min(count, MOST_DOTS); index++) {
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
}
