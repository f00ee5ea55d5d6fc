import { rates, serverRates } from '../live/state.ts';

const SVG = 'http://www.w3.org/2000/svg';
interface Place {
  left: number;
  right: number;
  middle: number;
}

/** Where a card is, within the picture. */
function placeOf(card: Element, box: DOMRect): Place {
  const { left, right, top, height } = card.getBoundingClientRect();
  return { left: left - box.left, right: right - box.left, middle: top - box.top + height / 2 };
}

const curve = (x1: number, y1: number, x2: number, y2: number): string => {
  const half = (x2 - x1) / 2;
  return `M${x1},${y1} C${x1 + half},${y1} ${x2 - half},${y2} ${x2},${y2}`;
};

/** Wider with more calls; by the logarithm, so that a busy server does not hide the others. */
const widthOf = (calls: number): number => (calls === 0 ? 1 : Math.min(7, 1.5 + Math.log2(1 + calls) * 0.7));

/** Draws the lines between cards: all that come in, over each gateway, to each server. */
export function drawLinks(picture: HTMLElement, svg: SVGSVGElement): void {
  const paths = svg.querySelector('.paths');
  if (!paths) return;
  const box = picture.getBoundingClientRect();
  const columns = (['edge', 'gateway', 'server'] as const).map((kind) =>
    [...picture.querySelectorAll<HTMLElement>(`[data-link="${kind}"]`)].map((card) => ({
      card,
      place: placeOf(card, box),
    })),
  );
  const [edges = [], gateways = [], servers = []] = columns;
  svg.setAttribute('width', String(box.width));
  svg.setAttribute('height', String(box.height));
  const [firstGateway, firstServer] = [gateways[0], servers[0]];
  // On a phone the columns stand below each other, and there is nothing to draw between them.
  if (!firstGateway || !firstServer || firstServer.place.left <= firstGateway.place.right) {
    paths.replaceChildren();
    return;
  }
  const wanted: { d: string; calls: number }[] = [];
  const perNode = rates.value.nodes ?? {};
  for (const gateway of gateways) {
    const calls = perNode[gateway.card.querySelector('.name')?.textContent ?? ''] ?? 0;
    for (const edge of edges)
      wanted.push({
        d: curve(edge.place.right, edge.place.middle, gateway.place.left, gateway.place.middle),
        calls: calls / edges.length,
      });
  }
  // All gateways know all servers: their lines meet in one place, and part again.
  const hubX = (firstGateway.place.right + firstServer.place.left) / 2;
  const hubY = gateways.reduce((sum, { place }) => sum + place.middle, 0) / gateways.length;
  for (const { card, place } of gateways)
    wanted.push({
      d: curve(place.right, place.middle, hubX, hubY),
      calls: perNode[card.querySelector('.name')?.textContent ?? ''] ?? 0,
    });
  for (const { card, place } of servers)
    wanted.push({
      d: curve(hubX, hubY, place.left, place.middle),
      calls: serverRates.value.get(card.dataset['server'] ?? '')?.perSecond ?? 0,
    });
  while (paths.children.length > wanted.length) paths.lastChild?.remove();
  wanted.forEach(({ d, calls }, index) => {
    const path = paths.children[index] ?? paths.appendChild(document.createElementNS(SVG, 'path'));
    path.setAttribute('d', d);
    path.setAttribute('stroke-width', widthOf(calls).toFixed(1));
    path.setAttribute('class', calls > 0 ? 'flows' : 'idle');
  });
}
