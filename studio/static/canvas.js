// The canvas of image mode: lines that belong to things, drawn with pen, finger or mouse. Coordinates are shares of its width.
(() => {
  const { h } = Duet;
  const SIDE = 768;            // pixels of the canvas itself
  const FINE = 0.003;          // a shorter step of the pen adds no point
  const RUBBER = 0.025;        // radius of the eraser
  const NEAR = 0.03;           // how close to a thing a press still means it
  const WIDTH = 3 / 512;       // of a line
  const MOST = 100;            // steps that can be undone

  const empty = () => ({ aspect: 1, things: [] });
  const state = { drawing: empty(), at: -1, tool: 'pen', picture: null, sketch: null, stroke: null, drag: null };
  const steps = Duet.surface.steps(MOST);
  let board = null;            // the canvas element, once it is on the page
  let told = () => {};         // who wants to know of changes: told(drawing, whether it is finished)

  const bounds = thing => {
    const xs = thing.lines.flatMap(line => line.filter((_, at) => at % 2 === 0)), ys = thing.lines.flatMap(line => line.filter((_, at) => at % 2));
    const [x0, y0, x1, y1] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
  };
  const drawn = () => state.drawing.things.some(thing => thing.lines.length);

  // ── Looks ───────────────────────────────────────────────────────────────────────────────────────────────────────
  function paint() {
    if (!board) return;
    const pen = board.getContext('2d'), tone = name => getComputedStyle(board).getPropertyValue(name).trim();
    pen.clearRect(0, 0, SIDE, SIDE);
    if (state.sketch && !drawn()) fit(pen, state.sketch);
    if (state.picture) { pen.globalAlpha = 0.9; pen.drawImage(state.picture, 0, 0, SIDE, SIDE / state.drawing.aspect); pen.globalAlpha = 1; }
    pen.lineCap = pen.lineJoin = 'round';
    pen.lineWidth = WIDTH * SIDE;
    state.drawing.things.forEach((thing, at) => {
      pen.strokeStyle = state.tool !== 'pen' && at === state.at ? tone('--accent') : '#1f1f1f';
      for (const line of thing.lines) trace(pen, line);
    });
    if (state.stroke) { pen.strokeStyle = '#1f1f1f'; trace(pen, state.stroke); }
    const thing = state.drawing.things[state.at];
    if (state.tool === 'move' && thing?.lines.length) frame(pen, bounds(thing), tone('--accent'));
  }

  function fit(pen, image) {
    const scale = Math.min(SIDE / image.width, SIDE / image.height);
    pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
  }

  function trace(pen, line) {
    pen.beginPath();
    pen.moveTo(line[0] * SIDE, line[1] * SIDE);
    if (line.length === 2) pen.lineTo(line[0] * SIDE + 0.1, line[1] * SIDE);
    for (let at = 2; at < line.length; at += 2) pen.lineTo(line[at] * SIDE, line[at + 1] * SIDE);
    pen.stroke();
  }

  function frame(pen, box, tone) {
    pen.save();
    pen.strokeStyle = tone; pen.fillStyle = tone; pen.lineWidth = 2; pen.setLineDash([6, 5]);
    pen.strokeRect(box.x * SIDE - 8, box.y * SIDE - 8, box.w * SIDE + 16, box.h * SIDE + 16);
    pen.fillRect((box.x + box.w) * SIDE, (box.y + box.h) * SIDE, 16, 16);
    pen.restore();
  }

  // ── Steps ───────────────────────────────────────────────────────────────────────────────────────────────────────
  const copied = () => JSON.parse(JSON.stringify(state.drawing));
  function remember() { steps.keep(copied()); }
  function changed(finished = true) { paint(); told(state.drawing, finished); }

  function step(way) {
    const found = steps[way](copied());
    if (!found) return;
    state.drawing = found;
    state.at = Math.min(state.at, state.drawing.things.length - 1);
    changed();
  }

  function joined(things) { // with the line that is being drawn: it belongs to the chosen thing, else the one it begins in, else one of its own
    const [x, y] = state.stroke;
    let thing = things[state.at] || things[hit(x, y)] || things.find(each => each.words === '');
    if (!thing) { thing = { words: '', lines: [] }; things.push(thing); }
    thing.lines.push(state.stroke.map(value => Math.round(value * 1e4) / 1e4));
  }

  function hit(x, y) {
    for (let at = state.drawing.things.length - 1; at >= 0; at--) {
      const thing = state.drawing.things[at];
      if (!thing.lines.length) continue;
      const box = bounds(thing);
      if (x > box.x - NEAR && x < box.x + box.w + NEAR && y > box.y - NEAR && y < box.y + box.h + NEAR) return at;
    }
    return -1;
  }

  function rub(x, y) {
    let gone = false;
    for (const thing of state.drawing.things) thing.lines = thing.lines.flatMap(line => {
      const points = dense(line), near = ([px, py]) => Math.hypot(px - x, py - y) < RUBBER;
      if (!points.some(near)) return [line];
      gone = true;
      const runs = [[]];
      for (const point of points) { if (near(point)) runs.push([]); else runs.at(-1).push(...point); }
      return runs.filter(run => run.length > 2);
    });
    return gone;
  }

  function dense(line) { // with points close enough that the eraser cannot jump over a long straight piece
    const points = [[line[0], line[1]]];
    for (let at = 2; at < line.length; at += 2) {
      const [x0, y0] = points.at(-1), [x1, y1] = [line[at], line[at + 1]], pieces = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / RUBBER));
      for (let piece = 1; piece <= pieces; piece++) points.push([x0 + (x1 - x0) * piece / pieces, y0 + (y1 - y0) * piece / pieces]);
    }
    return points;
  }

  // ── Pointers ────────────────────────────────────────────────────────────────────────────────────────────────────
  function down(x, y, event) {
    const tool = event.button === 5 ? 'rubber' : state.tool; // the other end of a pen
    if (tool === 'pen') state.stroke = [x, y];
    else if (tool === 'rubber') { remember(); state.drag = { kind: 'rubber' }; if (rub(x, y)) changed(false); }
    else {
      const thing = state.drawing.things[state.at], box = thing?.lines.length ? bounds(thing) : null;
      const corner = box && Math.hypot(x - box.x - box.w, y - box.y - box.h) < NEAR;
      if (!corner) state.at = hit(x, y);
      if (state.at >= 0) { remember(); state.drag = { kind: corner ? 'size' : 'move', x, y, box: bounds(state.drawing.things[state.at]), lines: JSON.parse(JSON.stringify(state.drawing.things[state.at].lines)) }; }
      told(state.drawing, false);
    }
    paint();
    return Boolean(state.stroke || state.drag);
  }

  function move(x, y) {
    if (state.stroke) { if (Math.hypot(x - state.stroke.at(-2), y - state.stroke.at(-1)) >= FINE) state.stroke.push(x, y); }
    else if (state.drag.kind === 'rubber') rub(x, y);
    else dragTo(x, y);
  }

  function dragTo(x, y) {
    const { kind, box, lines } = state.drag, thing = state.drawing.things[state.at];
    const by = kind === 'size' ? Math.max(0.1, Math.max((x - box.x) / Math.max(box.w, 0.01), (y - box.y) / Math.max(box.h, 0.01))) : 1;
    thing.lines = lines.map(line => line.map((value, at) => {
      const origin = at % 2 ? box.y : box.x;
      return kind === 'size' ? origin + (value - origin) * by : value + (at % 2 ? y - state.drag.y : x - state.drag.x);
    }));
  }

  function up() {
    if (state.stroke) { remember(); joined(state.drawing.things); }
    state.stroke = state.drag = null;
    state.drawing.things = state.drawing.things.filter(thing => thing.lines.length);
    if (state.at >= state.drawing.things.length) state.at = -1;
    changed();
  }

  function mount(place) { // once; the panel's own drawing leaves it alone
    if (board?.isConnected && place.contains(board)) { paint(); return; }
    board = h('canvas', { width: SIDE, height: SIDE, tabindex: '0', role: 'img' });
    Duet.surface.pointers(board, { down, move, moved() { changed(false); }, up });
    place.replaceChildren(board);
    paint();
  }

  Duet.canvas = {
    mount, paint, drawn, empty,
    tell(listener) { told = listener; },
    drawing: () => state.drawing, begun: () => Boolean(state.stroke),
    with() { const all = copied(); if (state.stroke) joined(all.things); return all; }, // what is being drawn, too
    at: () => state.at, tool: () => state.tool, can: steps.can,
    put(drawing, forget = false) { // another drawing in place of this one
      if (forget) steps.forget(); else remember();
      state.drawing = JSON.parse(JSON.stringify(drawing)); state.at = -1; state.picture = null;
      paint();
    },
    choose(at) { state.at = at; paint(); },
    words(at, words) { remember(); state.drawing.things[at].words = words; changed(); },
    remove(at) { remember(); state.drawing.things.splice(at, 1); state.at = -1; changed(); },
    clear() { remember(); state.drawing = empty(); state.at = -1; state.picture = null; changed(); },
    take(tool) { state.tool = tool; if (tool === 'pen') state.at = -1; paint(); },
    undo() { step('undo'); }, redo() { step('redo'); },
    show(picture) { state.picture = picture; paint(); },
    sketch(image) { state.sketch = image; paint(); },
    thumbnail(drawing, side) { // a small picture of a drawing, as an element
      const small = h('canvas', { width: side, height: side, 'aria-hidden': 'true' }), pen = small.getContext('2d');
      pen.scale(side / SIDE, side / SIDE);
      pen.lineCap = pen.lineJoin = 'round'; pen.lineWidth = 1.6 * SIDE / side; pen.strokeStyle = '#1f1f1f';
      for (const thing of drawing.things) for (const line of thing.lines) trace(pen, line);
      return small;
    },
  };
})();
