// How two networks at play are drawn: the plane with everything that can be seen in it, and the curves of the game.
(() => {
  const WIDE = 1.5;                 // half-widths of the plane: what 0 and 65535 mean in a place that was sent
  const LONG = 0.16;                // half-widths: the longest an arrow may become
  const SOFT = 0.6;                 // how a belief becomes a shade: a slight one can be seen, too
  const MARK = 3.2;                 // pixels: half of a sample's mark
  const EVEN = -Math.log(4);        // V(D, G) where D can only guess
  const colours = {};               // theme -> the style sheet's colours

  function bytes(encoded) { return Uint8Array.from(atob(encoded), sign => sign.charCodeAt(0)); }

  // A frame as it was sent -> numbers: places as [x, y, x, y, …] in half-widths, arrows from -1 to 1, the field from 0 to 255.
  function decoded(told) {
    const places = encoded => {
      const view = new DataView(bytes(encoded).buffer);
      return Float32Array.from({ length: view.byteLength / 2 }, (_, at) => (view.getUint16(2 * at, true) / 65535 * 2 - 1) * WIDE);
    };
    return { ...told, samples: places(told.samples), bent: places(told.bent), field: bytes(told.field), arrows: Float32Array.from(bytes(told.arrows), each => (each << 24 >> 24) / 127) };
  }

  function palette(element) {
    const theme = Duet.dark() ? 'dark' : 'light';
    if (!colours[theme]) {
      const style = getComputedStyle(element), names = ['real', 'fake', 'real-field', 'fake-field', 'even', 'ink', 'soft', 'line', 'net'];
      colours[theme] = Object.fromEntries(names.map(name => [name, style.getPropertyValue(`--${name}`).trim()]));
      const pen = Duet.h('canvas', { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
      colours[theme].mixes = ['fake-field', 'even', 'real-field'].map(name => {
        pen.fillStyle = colours[theme][name];
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
      });
    }
    return colours[theme];
  }

  function sized(canvas) { // in the dots of the screen; returns a pen that thinks in CSS pixels
    const { width, height } = canvas.getBoundingClientRect(), dots = devicePixelRatio, pen = canvas.getContext('2d');
    if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) Object.assign(canvas, { width: Math.round(width * dots), height: Math.round(height * dots) });
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    return [pen, width, height];
  }

  // ── The plane ───────────────────────────────────────────────────────────────────────────────────────────────────────
  function plane(canvas, points, frame, seen, cursor) {
    const [pen, side] = sized(canvas), look = palette(canvas), half = side / 2, x = at => half + at * half, y = at => half - at * half;
    pen.fillStyle = look.even;
    pen.fillRect(0, 0, side, side);
    if (frame && seen.field) believed(pen, frame, look, side);
    if (frame && seen.bent) bent(pen, frame, look, x, y);
    if (seen.points) dots(pen, points, look, x, y);
    if (frame && seen.arrows) arrows(pen, frame, look, x, y, half);
    if (frame && seen.samples) marks(pen, frame, look, x, y);
    if (cursor) {
      pen.strokeStyle = look.ink;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(x(cursor.x), y(cursor.y), cursor.radius * half, 0, 7);
      pen.stroke();
    }
  }

  function believed(pen, frame, look, side) {
    const cells = Math.round(Math.sqrt(frame.field.length)), small = Duet.h('canvas', { width: cells, height: cells }), brush = small.getContext('2d');
    const image = brush.createImageData(cells, cells), [fake, even, real] = look.mixes;
    for (let row = 0; row < cells; row++)
      for (let column = 0; column < cells; column++) {
        const belief = frame.field[row * cells + column] / 255, to = 4 * ((cells - 1 - row) * cells + column);
        const [from, into, part] = [even, belief < 0.5 ? fake : real, Math.abs(2 * belief - 1) ** SOFT];
        for (let tone = 0; tone < 3; tone++) image.data[to + tone] = from[tone] + (into[tone] - from[tone]) * part;
        image.data[to + 3] = 255;
      }
    brush.putImageData(image, 0, 0);
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(small, 0, 0, side, side);
  }

  function bent(pen, { bent: places, samples: _, lined }, look, x, y) { // along every row of the net, then along every column
    const count = places.length / 2, across = lined ? count : Math.round(Math.sqrt(count));
    const path = (from, by, steps) => { for (let at = 0; at < steps; at++) { const id = 2 * (from + by * at); pen[at ? 'lineTo' : 'moveTo'](x(places[id]), y(places[id + 1])); } };
    pen.strokeStyle = look.net;
    pen.lineWidth = lined ? 2 : 1;
    pen.beginPath();
    for (let row = 0; row < count / across; row++) path(row * across, 1, across);
    if (!lined) for (let column = 0; column < across; column++) path(column, across, across);
    pen.stroke();
  }

  function dots(pen, points, look, x, y) {
    pen.fillStyle = look.real;
    pen.beginPath();
    for (const [left, up] of points) { pen.moveTo(x(left) + 2.2, y(up)); pen.arc(x(left), y(up), 2.2, 0, 7); }
    pen.fill();
  }

  function marks(pen, { samples }, look, x, y) { // diamonds: told apart from points without colour, too
    pen.fillStyle = look.fake;
    pen.strokeStyle = look.even;
    pen.lineWidth = 0.8;
    pen.beginPath();
    for (let at = 0; at < samples.length; at += 2) {
      const left = x(samples[at]), up = y(samples[at + 1]);
      pen.moveTo(left, up - MARK);
      pen.lineTo(left + MARK, up);
      pen.lineTo(left, up + MARK);
      pen.lineTo(left - MARK, up);
      pen.closePath();
    }
    pen.fill();
    pen.stroke();
  }

  function arrows(pen, { samples, arrows: pushes }, look, x, y, half) {
    pen.strokeStyle = look.ink;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let at = 0; at < samples.length; at += 2) {
      const [left, up, right, down] = [x(samples[at]), y(samples[at + 1]), pushes[at] * LONG * half, -pushes[at + 1] * LONG * half], long = Math.hypot(right, down);
      if (long < 1.5) continue;
      const tip = Math.min(4, long / 2) / long, to = [left + right, up + down];
      pen.moveTo(left, up);
      pen.lineTo(...to);
      for (const turn of [1, -1]) {
        pen.moveTo(...to);
        pen.lineTo(to[0] - tip * (right - turn * 0.6 * down), to[1] - tip * (down + turn * 0.6 * right));
      }
    }
    pen.stroke();
  }

  // ── The curves ──────────────────────────────────────────────────────────────────────────────────────────────────────
  const CURVES = {
    losses: { lines: [['discriminator', 'real'], ['generator', 'fake']] },
    value: { lines: [['value', 'ink']], level: EVEN, least: -2, most: 0 },
    beliefs: { lines: [['real', 'real'], ['fake', 'fake']], level: 0.5, least: 0, most: 1 },
  };

  function curve(canvas, name, history) {
    const [pen, width, height] = sized(canvas), look = palette(canvas), { lines, level, least, most } = CURVES[name], RIGHT = 44, TOP = 6;
    const values = history.flatMap(each => lines.map(([key]) => each[key])).filter(Number.isFinite);
    const low = least ?? Math.min(0, ...values), high = most ?? Math.max(low + 1, ...values);
    const x = at => at * (width - RIGHT) / Math.max(1, history.length - 1), y = value => TOP + (height - 2 * TOP) * (high - Math.min(high, Math.max(low, value))) / (high - low);
    pen.font = `11px ${getComputedStyle(canvas).fontFamily}`;
    pen.textBaseline = 'middle';
    const across = (value, dashed) => {
      pen.setLineDash(dashed ? [5, 4] : []);
      pen.strokeStyle = dashed ? look.soft : look.line;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(0, y(value));
      pen.lineTo(width - RIGHT, y(value));
      pen.stroke();
      pen.setLineDash([]);
    };
    across(low);
    across(high);
    if (level !== undefined) across(level, true);
    const ends = [];
    lines.forEach(([key, colour], line) => {
      pen.strokeStyle = look[colour];
      pen.lineWidth = 1.8;
      pen.setLineDash(line ? [6, 2] : []); // told apart without colour, too
      pen.beginPath();
      history.forEach((each, at) => { if (Number.isFinite(each[key])) pen.lineTo(x(at), y(each[key])); });
      pen.stroke();
      pen.setLineDash([]);
      const last = history.at(-1)?.[key];
      if (Number.isFinite(last)) ends.push({ at: y(last), text: last.toFixed(2).replace('-', '\u2212'), colour: look[colour] });
    });
    ends.sort((one, other) => one.at - other.at);
    if (ends.length > 1 && ends[1].at - ends[0].at < 13) { const middle = (ends[0].at + ends[1].at) / 2; [ends[0].at, ends[1].at] = [middle - 6.5, middle + 6.5]; }
    for (const each of ends) { pen.fillStyle = each.colour; pen.fillText(each.text, width - RIGHT + 6, Math.min(height - 7, Math.max(7, each.at))); }
  }

  Duet.toyDraw = { decoded, plane, curve, EVEN };
})();
