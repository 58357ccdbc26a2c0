// The style brush: a sheet where the artist paints where each style of the mix belongs. A mask is a canvas that is opaque there; a
// style without one is everywhere. Masks are never changed, only replaced, so a step back is a table of the earlier ones.
(() => {
  const { h, define, icon, fill, redraw, panels } = Duet;
  const SIDE = 768;             // pixels of a mask's long side
  const LEAST = 16;             // pixels of its short side: the studio takes no smaller picture
  const MOST = 40;              // steps that can be undone
  const [SMALL, LARGE] = [0.01, 0.4]; // of a brush's width, in shares of the long side
  const REST = 700;             // milliseconds without a stroke after which the masks are sent to the studio
  const TINTS = ['#ff5a36', '#2f8cff', '#ffd23c', '#2fc46b', '#b45cff', '#1fd0dc', '#ff5fae', '#a9d92b', '#ff9a2e'];

  const root = document.body.appendChild(h('section.duet-brush', { id: 'duet-brush' }));
  const steps = Duet.surface.steps(MOST), layer = document.createElement('canvas');
  const refs = new WeakMap();   // canvas -> the reference of its picture, null for one with nothing in it
  let shown = null;             // {session, language, text, content, aspect, styles: [{name, label, src, ref}], put, lost}
  let at = '';                  // the style that is painted
  let masks = {}, saved = {};   // style -> canvas; what the brief has of them
  let tool = 'brush', size = 0.12;
  let stroke = null;            // {pen, x, y, before: the masks as they were}
  let board = null, ring = null, saving = Promise.resolve(true), later = 0, ringing = 0;
  let busy = false, problem = '', emptied = '';

  const label = name => shown.styles.find(each => each.name === name)?.label || '';
  const tint = name => TINTS[shown.styles.findIndex(each => each.name === name) % TINTS.length];
  const wide = () => Math.max(LEAST, Math.round(SIDE * Math.min(1, shown.aspect)));
  const high = () => Math.max(LEAST, Math.round(SIDE / Math.max(1, shown.aspect)));

  // ── Masks ───────────────────────────────────────────────────────────────────────────────────────────────────────
  function mask(fills = null) { // a new one, with a picture of it or a colour
    const made = h('canvas', { width: wide(), height: high() }), pen = made.getContext('2d');
    if (typeof fills === 'string') { pen.fillStyle = fills; pen.fillRect(0, 0, made.width, made.height); } else if (fills) pen.drawImage(fills, 0, 0, made.width, made.height);
    return made;
  }

  function rest(name) { // where no other style is brushed
    const made = mask('#fff'), pen = made.getContext('2d');
    pen.globalCompositeOperation = 'destination-out';
    for (const [other, each] of Object.entries(masks)) if (other !== name) pen.drawImage(each, 0, 0);
    return made;
  }

  const without = name => Object.fromEntries(Object.entries(masks).filter(([each]) => each !== name));

  async function fetched(ref) { // the mask that a picture shows: opaque where it is white
    const image = new Image();
    image.src = `duet/${shown.session}/${ref.replace('sha256:', '')}?side=${SIDE}`;
    await image.decode();
    const made = mask(image), pen = made.getContext('2d'), found = pen.getImageData(0, 0, made.width, made.height), { data } = found;
    for (let pixel = 0; pixel < data.length; pixel += 4) {
      data[pixel + 3] = Math.round(0.299 * data[pixel] + 0.587 * data[pixel + 1] + 0.114 * data[pixel + 2]);
      data[pixel] = data[pixel + 1] = data[pixel + 2] = 255;
    }
    pen.putImageData(found, 0, 0);
    refs.set(made, ref);
    return made;
  }

  function nothing(canvas) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let pixel = 3; pixel < data.length; pixel += 4) if (data[pixel] > 127) return false;
    return true;
  }

  async function sent(canvas, name) { // its reference, once the studio has it
    if (refs.has(canvas)) return refs.get(canvas);
    if (nothing(canvas)) { refs.set(canvas, null); return null; }
    const flat = mask('#000');
    flat.getContext('2d').drawImage(canvas, 0, 0);
    const body = await new Promise(resolve => flat.toBlob(resolve, 'image/png'));
    const answer = await fetch(`duet/${shown.session}/upload?lang=${shown.language}`, { method: 'POST', headers: { 'X-Name': encodeURIComponent(`${label(name)}.png`) }, body });
    const found = await answer.json();
    if (found.error) throw Object.assign(new Error('refused'), { said: found.error });
    refs.set(canvas, found.ref);
    return found.ref;
  }

  async function save() { // brings the brief up to date; whether that went well
    const now = masks;
    try {
      for (const { name } of shown.styles) {
        if (now[name] === saved[name]) continue;
        const ref = now[name] ? await sent(now[name], name) : null;
        saved = { ...saved, [name]: now[name] };
        if (now[name] && !ref && masks[name] === now[name]) { // a style that would be nowhere is everywhere
          [masks, emptied] = [without(name), name];
          saved = { ...saved, [name]: undefined };
          paint();
        }
        shown.put(name, ref);
      }
      problem = '';
    } catch (error) { problem = error.said || shown.lost; }
    redraw('brush');
    return !problem;
  }

  function saveSoon(wait = REST) {
    clearTimeout(later);
    later = setTimeout(() => { if (shown && !stroke) saving = saving.then(() => (shown ? save() : true)); }, wait);
  }

  // ── Painting ────────────────────────────────────────────────────────────────────────────────────────────────────
  function paint() {
    if (!board) return;
    const pen = board.getContext('2d'), over = layer.getContext('2d');
    [layer.width, layer.height] = [board.width, board.height];
    pen.clearRect(0, 0, board.width, board.height);
    const order = shown.styles.map(each => each.name).filter(name => masks[name]).sort((one, other) => (other === at) - (one === at));
    for (const name of order) { // the one that is painted is full, the others are striped over it
      over.globalCompositeOperation = 'copy';
      over.drawImage(masks[name], 0, 0);
      over.globalCompositeOperation = 'source-in';
      over.fillStyle = name === at ? tint(name) : stripes(name);
      over.fillRect(0, 0, layer.width, layer.height);
      pen.globalAlpha = name === at ? 0.55 : 0.85;
      pen.drawImage(layer, 0, 0);
    }
  }

  function stripes(name) { // a style's tint, slanted one way or the other
    const tile = h('canvas', { width: 16, height: 16 }), pen = tile.getContext('2d'), falls = shown.styles.findIndex(each => each.name === name) % 2;
    pen.strokeStyle = tint(name);
    pen.lineWidth = 2.5;
    for (const from of [-16, 0, 16]) { pen.moveTo(from - 2, falls ? -2 : 18); pen.lineTo(from + 18, falls ? 18 : -2); }
    pen.stroke();
    return pen.createPattern(tile, 'repeat');
  }

  function line(x, y, event) {
    const { pen } = stroke, scale = board.width;
    pen.lineWidth = size * Math.max(board.width, board.height) * (event.pointerType === 'pen' && event.pressure ? 0.4 + 0.6 * event.pressure : 1);
    pen.beginPath();
    pen.moveTo(stroke.x * scale, stroke.y * scale);
    pen.lineTo(x * scale + 0.01, y * scale);
    pen.stroke();
    [stroke.x, stroke.y] = [x, y];
  }

  function down(x, y, event) {
    if (busy) return false;
    const erasing = tool === 'rubber' || event.button === 5;
    const fresh = masks[at] ? mask(masks[at]) : mask(erasing ? '#fff' : null), pen = fresh.getContext('2d');
    pen.globalCompositeOperation = erasing ? 'destination-out' : 'source-over';
    pen.lineCap = pen.lineJoin = 'round';
    pen.strokeStyle = '#fff';
    stroke = { pen, x, y, before: masks };
    masks = { ...masks, [at]: fresh };
    emptied = '';
    line(x, y, event);
    paint();
    return true;
  }

  function up() {
    steps.keep(stroke.before);
    stroke = null;
    redraw('brush');
    saveSoon();
  }

  function change(next) { // other masks in place of these, as one step
    if (busy) return;
    steps.keep(masks);
    [masks, emptied] = [next, ''];
    paint(); redraw('brush'); saveSoon(0);
  }

  function everywhere() { if (masks[at]) change(without(at)); }
  function step(way) {
    const found = steps[way](masks);
    if (!found) return;
    [masks, emptied] = [found, ''];
    paint(); redraw('brush'); saveSoon();
  }

  function resize(to) {
    size = Math.min(LARGE, Math.max(SMALL, to));
    redraw('brush');
    showRing();
    ring.classList.add('shown');
    clearTimeout(ringing);
    ringing = setTimeout(() => ring.classList.remove('shown'), 900);
  }

  function showRing(event = null) { // how large the brush is, and where
    if (event) {
      const box = board.getBoundingClientRect();
      ring.style.left = `${event.clientX - box.left}px`;
      ring.style.top = `${event.clientY - box.top}px`;
    }
    ring.style.width = ring.style.height = `${size * Math.max(board.clientWidth, board.clientHeight)}px`;
    ring.classList.toggle('rubs', tool === 'rubber');
  }

  function mount(place) {
    if (board && place.contains(board)) return;
    board = h('canvas', { width: wide(), height: high(), tabindex: '0', role: 'img' });
    ring = h('div.ring', { 'aria-hidden': 'true' });
    board.addEventListener('pointermove', showRing);
    Duet.surface.pointers(board, { down, move: line, moved: paint, up });
    place.replaceChildren(board, ring);
    paint();
  }

  // ── The sheet ───────────────────────────────────────────────────────────────────────────────────────────────────
  async function open(what, name) {
    if (shown) return;
    const before = document.activeElement;
    [shown, at, problem, emptied, busy] = [what, name, '', '', true];
    panels.brush.value = {};
    redraw('brush');
    Duet.modal.enter(root, board, before);
    try {
      const found = await Promise.all(what.styles.filter(each => each.ref).map(async each => [each.name, await fetched(each.ref)]));
      masks = saved = Object.fromEntries(found);
    } catch { problem = what.lost; }
    busy = false;
    paint(); redraw('brush');
  }

  async function done() { // leaves when the brief has what was painted, or else when the artist has read why not
    if (!shown || busy) return;
    const told = problem;
    clearTimeout(later);
    if (stroke) up();
    busy = true;
    redraw('brush');
    const well = await (saving = saving.then(save));
    busy = false;
    if (well || told) close(); else redraw('brush');
  }

  function close() {
    clearTimeout(later);
    [shown, board, masks, saved] = [null, null, {}, {}];
    steps.forget();
    redraw('brush');
    Duet.modal.leave();
  }

  function choose(name) { at = name; emptied = ''; paint(); redraw('brush'); }
  function take(what) { tool = what; showRing(); redraw('brush'); }

  const LETTERS = { b: () => take('brush'), e: () => take('rubber'), r: () => change({ ...masks, [at]: rest(at) }) };
  const BRACKETS = { BracketLeft: 1 / 1.2, BracketRight: 1.2, '[': 1 / 1.2, ']': 1.2 }; // by place too: not every keyboard writes them there

  function key(event) { // whether a key was meant for the brush
    const letter = event.key.toLowerCase(), digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
    if (stroke) return false;
    if (event.key === 'Escape') done();
    else if (event.key === 'Enter') { if (event.target.closest?.('button')) return false; done(); }
    else if (letter === 'z') step(event.shiftKey ? 'redo' : 'undo');
    else if (event.ctrlKey || event.metaKey || event.altKey) return false;
    else if (digit && shown.styles[digit - 1]) choose(shown.styles[digit - 1].name);
    else if (BRACKETS[event.key] || BRACKETS[event.code]) resize(size * (BRACKETS[event.key] || BRACKETS[event.code]));
    else if (LETTERS[letter]) LETTERS[letter]();
    else return false;
    return true;
  }

  function tools(text) {
    const plain = (name, glyph, words, off) => h('button.act', { type: 'button', disabled: off, 'aria-label': words, title: words, data: { click: name } }, icon(glyph));
    const way = (name, glyph, words) => h('button.act', { type: 'button', 'aria-pressed': String(tool === name), 'aria-label': words, title: words, data: { click: 'take', name } }, icon(glyph));
    return h('div.tools', { role: 'toolbar', 'aria-label': text.brush_title, data: { key: 'tools' } },
      way('brush', 'brush', `${text.brush_paint} (B)`), way('rubber', 'rubber', `${text.eraser} (E)`),
      h('label.size', { title: `${text.brush_size} ( [ ] )` }, h('i.dot', { style: { '--dot': '6px' } }),
        h('input', { type: 'range', min: 0, max: 1, step: 0.01, value: Math.sqrt((size - SMALL) / (LARGE - SMALL)).toFixed(2), 'aria-label': text.brush_size, style: { '--at': `${100 * Math.sqrt((size - SMALL) / (LARGE - SMALL))}%` }, data: { input: 'size' } }),
        h('i.dot', { style: { '--dot': '16px' } })),
      plain('undo', 'undo', `${text.undo} (Z)`, !steps.can('undo')), plain('redo', 'redo', `${text.redo} (⇧Z)`, !steps.can('redo')),
      h('span.gap'),
      h('button.quiet', { type: 'button', title: text.brush_rest_title, data: { click: 'rest' } }, text.brush_rest, h('kbd', {}, 'R')),
      h('button.quiet', { type: 'button', disabled: !masks[at], title: fill(text.brush_everywhere_title, { name: label(at) }), data: { click: 'everywhere' } }, text.brush_everywhere));
  }

  function chip(each, index, text) {
    const state = masks[each.name] ? text.brush_part : text.brush_all;
    return h('button.chip', { type: 'button', 'aria-pressed': String(each.name === at), style: { '--tint': tint(each.name) }, class: masks[each.name] ? 'part' : '',
      title: each.label, data: { click: 'choose', name: each.name, key: `chip-${each.name}` } },
      h('span.thumb', {}, each.src && h('img', { src: each.src, alt: '' })),
      h('span.names', {}, h('b', {}, each.label), h('small', {}, h('i'), state)),
      index < 9 && h('kbd', {}, index + 1));
  }

  function told(text) {
    if (problem) return h('p.problem', { role: 'alert', data: { key: 'told' } }, problem);
    const words = emptied === at ? text.brush_gone : masks[at] ? text.brush_hint_part : text.brush_hint_all;
    return h('p.tip', { role: 'status', data: { key: 'told' } }, fill(words, { name: label(at) }));
  }

  define('brush', {
    root, value: {},
    on: {
      done, everywhere, undo() { step('undo'); }, redo() { step('redo'); },
      rest() { change({ ...masks, [at]: rest(at) }); },
      take(button) { take(button.dataset.name); }, choose(button) { choose(button.dataset.name); },
      size(input) { resize(SMALL + (LARGE - SMALL) * Number(input.value) ** 2); },
    },
    drawn() { const place = root.querySelector('.place'); if (place) { mount(place); board.setAttribute('aria-label', fill(shown.text.brush_open, { name: label(at) })); } },
    draw() {
      if (!shown) return [];
      const { text } = shown;
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': text.brush_title, style: { '--tint': tint(at) } },
        h('header.head', { data: { key: 'head' } }, h('h2', {}, text.brush_title), tools(text),
          h('button.act.pick', { type: 'button', disabled: busy, data: { click: 'done' } }, text.brush_done, h('kbd', {}, '⏎'))),
        h('div.field', { data: { key: 'field' } }, h('div.stage', { style: { '--ar': shown.aspect } },
          h('img', { src: shown.content, alt: '', draggable: 'false' }), h('div.place', { data: { own: '', key: 'place' } }))),
        told(text),
        h('div.chips', { role: 'group', 'aria-label': text.brush_styles, data: { key: 'chips' } }, shown.styles.map((each, index) => chip(each, index, text))));
    },
  });
  panels.brush.root = root;
  for (const kind of ['click', 'input'])
    root.addEventListener(kind, event => {
      const target = event.target.closest(`[data-${kind}]`);
      if (target && !target.disabled) panels.brush.on[target.getAttribute(`data-${kind}`)]?.(target, event);
    });

  Duet.brush = { open, isOpen: () => shown !== null, key };
})();
