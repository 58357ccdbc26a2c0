// How attention is drawn: the scale from light to dark, the map of who looks at whom, and the curves between words.
(() => {
  const { h } = Duet;
  const STOPS = 6;            // colours of the scale, in the style sheet
  const SHADES = 256;
  const LEAST = 0.01;         // a weaker look has no curve
  const MANY = 28;            // words from which a text is long
  const MOST = 8;             // curves of each kind where a text is long and they would cross it
  const TOLD = 0.03;          // a weaker one has no number beside its word
  const ramps = {};           // theme -> the scale as RGBA bytes

  // Shares are spread by their square root, so that one in a hundred can still be told from none.
  const place = share => Math.sqrt(Math.min(1, Math.max(0, share)));

  function ramp(element) {
    const theme = Duet.dark() ? 'dark' : 'light';
    if (ramps[theme]) return ramps[theme];
    const style = getComputedStyle(element), canvas = h('canvas', { width: SHADES, height: 1 }), pen = canvas.getContext('2d');
    const along = pen.createLinearGradient(0, 0, SHADES, 0);
    for (let at = 0; at < STOPS; at++) along.addColorStop(at / (STOPS - 1), style.getPropertyValue(`--heat-${at}`).trim());
    pen.fillStyle = along;
    pen.fillRect(0, 0, SHADES, 1);
    return ramps[theme] = pen.getImageData(0, 0, SHADES, 1).data;
  }
  const shade = (colours, share) => 4 * Math.round(place(share) * (SHADES - 1));
  const masked = (view, row, column) => view.causal && column > row;

  // A head as a stamp: one pixel a cell, which the style sheet enlarges.
  function stamp(canvas, view) {
    const colours = ramp(canvas), pen = canvas.getContext('2d'), { count } = view;
    const mask = view.causal ? colourOf(canvas, '--mask') : null, image = pen.createImageData(count, count);
    for (let row = 0; row < count; row++)
      for (let column = 0; column < count; column++) {
        const from = shade(colours, view.at(row, column)), to = 4 * (row * count + column);
        for (let part = 0; part < 4; part++) image.data[to + part] = masked(view, row, column) ? mask[part] : colours[from + part];
      }
    pen.putImageData(image, 0, 0);
  }

  function colourOf(element, name) {
    const pen = h('canvas', { width: 1, height: 1 }).getContext('2d');
    pen.fillStyle = getComputedStyle(element).getPropertyValue(name).trim();
    pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data;
  }

  // The map at its full size. What is masked is hatched: it is not a small number, it is none.
  function map(canvas, view, cell) {
    const dots = devicePixelRatio, colours = ramp(canvas), pen = canvas.getContext('2d'), style = getComputedStyle(canvas), { count } = view;
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, count * cell, count * cell);
    const gap = cell >= 20 ? 1 : 0;
    pen.font = `${cell >= 34 ? 12 : cell >= 26 ? 11 : 9.5}px ${style.fontFamily}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    for (let row = 0; row < count; row++)
      for (let column = 0; column < count; column++) {
        if (masked(view, row, column)) continue;
        const share = view.at(row, column), from = shade(colours, share), [red, green, blue] = colours.slice(from, from + 3);
        pen.fillStyle = `rgb(${red} ${green} ${blue})`;
        pen.fillRect(column * cell, row * cell, cell - gap, cell - gap);
        if (cell < 22 || share < 0.005) continue;
        pen.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? '#1f1f1f' : '#ffffff';
        pen.fillText(String(Math.round(100 * share)), (column + 0.5) * cell - gap / 2, (row + 0.5) * cell + 0.5);
      }
    if (view.causal) hatch(pen, count, cell, style);
  }

  function hatch(pen, count, cell, style) {
    const side = count * cell;
    pen.save();
    pen.beginPath();
    pen.moveTo(cell, 0);
    for (let row = 0; row < count - 1; row++) { pen.lineTo((row + 1) * cell, (row + 1) * cell); pen.lineTo((row + 2) * cell, (row + 1) * cell); }
    pen.lineTo(side, 0);
    pen.closePath();
    pen.clip();
    pen.fillStyle = style.getPropertyValue('--mask').trim();
    pen.fillRect(0, 0, side, side);
    pen.strokeStyle = style.getPropertyValue('--hatch').trim();
    pen.lineWidth = 1;
    pen.beginPath();
    for (let at = -side; at < side; at += 7) { pen.moveTo(at, side); pen.lineTo(at + side, 0); }
    for (let at = 0; at < side; at += 7) { pen.moveTo(at, side); pen.lineTo(at + side, 0); }
    pen.stroke();
    pen.restore();
  }

  // ── Curves ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  // Above the line, solid and with an arrow: what a word looks at. Below it, dashed and with a ring: who looks at the word.
  function curves(svg, words, view, row) {
    const frame = svg.getBoundingClientRect();
    const boxes = words.map(word => {
      const box = word.getBoundingClientRect();
      return { x: box.left + box.width / 2 - frame.left, top: box.top - frame.top, bottom: box.bottom - frame.top };
    });
    const most = words.length > MANY ? MOST : Infinity, others = row < 0 ? [] : words.map((_, other) => other);
    const strongest = kind => others.map(other => ({ kind, other, share: kind === 'to' ? view.at(row, other) : other === row ? 0 : view.at(other, row) }))
      .filter(each => each.share >= LEAST).sort((one, other) => other.share - one.share).slice(0, most);
    const drawn = [...strongest('to'), ...strongest('by')].sort((one, other) => one.share - other.share);
    svg.replaceChildren(...drawn.flatMap(({ kind, other, share }) => (kind === 'to' ? curve(boxes[row], boxes[other], share, kind) : curve(boxes[other], boxes[row], share, kind))));
  }

  function curve(from, to, share, kind) {
    const wide = Math.max(1.2, 7.5 * share), mark = 3.5 + wide / 2, GAP = 17; // between a word and its curve stands its number
    const sameLine = Math.abs(from.top - to.top) < 4, above = sameLine ? kind === 'to' : to.top < from.top;
    const start = above ? from.top - GAP : from.bottom + GAP;
    const end = sameLine ? start : above ? to.bottom + GAP : to.top - GAP;
    const out = above ? -1 : 1, tall = sameLine ? Math.min(52, 14 + 0.13 * Math.abs(from.x - to.x)) : Math.abs(end - start) / 2 + 6;
    const into = sameLine ? out : -out; // on which side of its end the curve comes from
    const [x1, x2] = from === to || Math.abs(from.x - to.x) < 1 ? [from.x - 7, to.x + 7] : [from.x, to.x];
    const bend = x1 !== from.x ? 22 : tall * 4 / 3;
    const tip = kind === 'to' ? end + into * mark * 1.6 : end;
    const path = `M${x1} ${start}C${x1} ${start + out * bend} ${x2} ${tip + into * bend} ${x2} ${tip}`;
    const look = { 'stroke-width': wide.toFixed(2), style: { opacity: (0.35 + 0.65 * place(share)).toFixed(2) } };
    if (kind === 'to')
      return [h('path.to', { d: path, ...look }), h('path.arrow', { d: `M${x2} ${end}l${-mark} ${into * mark * 1.7}h${2 * mark}Z`, style: look.style })];
    return [h('path.by', { d: path, ...look, 'stroke-dasharray': `${(3 + 0.9 * wide).toFixed(1)} ${(2.4 + 0.35 * wide).toFixed(1)}` }), h('circle.ring', { cx: x1, cy: start, r: Math.min(5, 2.5 + wide / 3), style: look.style })];
  }

  function sample(kind) { // the two kinds, for the key
    return h('svg.sample', { viewBox: '0 0 34 12' }, kind === 'to'
      ? [h('path.to', { d: 'M2 6H26', 'stroke-width': 3 }), h('path.arrow', { d: 'M34 6l-9 -5v10Z' })]
      : [h('circle.ring', { cx: 4, cy: 6, r: 3.5 }), h('path.by', { d: 'M9 6H34', 'stroke-width': 2, 'stroke-dasharray': '4 3' })]);
  }

  Duet.drawing = { map, stamp, curves, sample, place, LEAST, MANY, TOLD };
})();
