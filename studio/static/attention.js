// A look inside: how much each word of a text looks at every other, in any layer and head of a language model.
(() => {
  const { h, define, icon, redraw, panels, fill } = Duet;
  const EXAMPLE = 'The green apple is on the table. It is sweet.'; // in English, which is what both models read
  const MATH = 'http://www.w3.org/1998/Math/MathML';
  const PAUSE = 300;               // milliseconds without typing after which the models are asked
  const SMALL = 14, LARGE = 40;    // pixels of a cell of the map
  const CLEAR = 0.5;               // share from which a head is called by what it does
  const NAMED = 5;                 // words that a sentence names
  const BESIDE = 280;              // pixels that layers and heads take on a wide screen
  const NARROW = matchMedia('(max-width: 859px)');

  let shown = null;   // {text, model, layer, head: null for the average, hide, pinned: {row, column}, answer, waiting, problem}
  let hovered = null; // {row, column}: what the pointer is on; both count tokens, and a column may be null
  let busy = false, slow = false, asking = null, later = 0, wide = 0;
  let kept = new Map(); // what was computed of the answer, by name

  const root = document.body.appendChild(h('section.duet-attention', { id: 'duet-attention' }));
  const words = () => Duet.value('header').attention;
  const say = (name, values = {}) => fill(words()[`attention_${name}`], values).replaceAll(' %', '\u00a0%');
  const percent = share => (share >= 0.0995 || share === 0 ? (100 * share).toFixed(0) : (100 * share).toFixed(1));
  const spoken = token => (letters(token) ? token : `“${token}”`); // a full stop in a list of words
  const letters = token => /[\p{L}\p{N}]/u.test(token);

  function remember(name, make) {
    if (!kept.has(name)) kept.set(name, make());
    return kept.get(name);
  }

  // ── Opening, closing, asking ────────────────────────────────────────────────────────────────────────────────────────
  function open(text = '') {
    if (shown || !Duet.value('header')) return;
    const before = document.activeElement;
    Duet.lightClose();
    Duet.planeClose();
    shown = { text: text.trim() ? text : EXAMPLE, model: 'writer', layer: null, head: null, hide: false, pinned: null, answer: null, waiting: null, problem: '' };
    panels.attention.value = {};
    redraw('attention');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
    watch.observe(root.querySelector('.body'));
    ask();
  }

  function close() {
    if (!shown) return;
    asking?.abort();
    clearTimeout(later);
    watch.disconnect();
    [shown, hovered, busy, slow, kept] = [null, null, false, false, new Map()];
    redraw('attention');
    Duet.modal.leave();
  }

  async function ask() {
    clearTimeout(later);
    asking?.abort();
    if (!shown.text.trim()) { adopt(null); return; }
    const here = shown, { session, language } = Duet.value('header'), mine = asking = new AbortController();
    busy = true;
    const late = setTimeout(() => { slow = true; redraw('attention'); }, 400);
    let found = null;
    try {
      const answer = await fetch(`duet/${session}/attention?lang=${language}`, {
        method: 'POST', signal: mine.signal, body: JSON.stringify({ model: here.model, text: here.text }) });
      found = await answer.json();
    } catch { found = { error: Duet.value('header').text.lost }; }
    clearTimeout(late);
    if (shown !== here || asking !== mine) return;
    busy = slow = false;
    here.problem = found.error || '';
    here.waiting = found.waiting || null;
    if (here.waiting) later = setTimeout(ask, 2 * PAUSE);
    if (found.weights) adopt(found);
    else redraw('attention');
  }

  function adopt(found) {
    kept = new Map();
    hovered = null;
    shown.answer = found && { ...found, weights: numbers(found.weights) };
    if (found) {
      if (shown.hide && !hideable()) shown.hide = false;
      if (shown.layer === null) begin();
      const { row, column } = shown.pinned, last = found.tokens.length - 1;
      shown.pinned = { row: Math.min(row, last), column: column !== null && column <= last ? column : null };
    } else [shown.problem, shown.waiting, busy, slow] = ['', null, false, false];
    redraw('attention');
  }

  function numbers(encoded) { // 16 bits each, low byte first, whatever this machine's order is
    const bytes = Uint8Array.from(atob(encoded), sign => sign.charCodeAt(0)), view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 2 }, (_, at) => view.getUint16(2 * at, true) / 65535);
  }

  // The first thing seen is a look that reaches far: strong, between two words that do not stand side by side.
  function begin() {
    const { layers, heads, tokens, sinks } = shown.answer, rest = tokens.map((_, at) => at).filter(at => !sinks.includes(at) && letters(tokens[at]));
    let best = -1;
    Object.assign(shown, { layer: 0, head: null, pinned: { row: tokens.length - 1, column: null } });
    for (let layer = 0; layer < layers; layer++)
      for (let head = 0; head < heads; head++)
        for (const row of rest)
          for (const column of rest) {
            const score = Math.abs(row - column) < 2 ? 0 : raw(layer, head, row, column) * Math.sqrt(Math.abs(row - column));
            if (score > best) { best = score; Object.assign(shown, { layer, head, pinned: { row, column: null } }); }
          }
  }

  // ── The numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────
  function raw(layer, head, row, column) {
    const { heads, tokens: { length }, weights } = shown.answer;
    return weights[((layer * heads + head) * length + row) * length + column];
  }
  const hideable = () => shown.answer.tokens.length > shown.answer.sinks.length;

  // One head, or the average of a layer, as it is shown: without its sinks each row is shared out anew among the rest.
  function view(layer = shown.layer, head = shown.head) {
    return remember(`view ${layer} ${head} ${shown.hide}`, () => {
      const { tokens, sinks, heads, causal } = shown.answer;
      const ids = tokens.map((_, at) => at).filter(at => !shown.hide || !sinks.includes(at)), count = ids.length;
      const of = head === null ? Array.from({ length: heads }, (_, at) => at) : [head], shares = new Float32Array(count * count);
      ids.forEach((row, at) => {
        const all = ids.map(column => of.reduce((sum, each) => sum + raw(layer, each, row, column), 0) / of.length);
        const sum = shown.hide ? all.reduce((one, other) => one + other, 0) : 1;
        all.forEach((share, column) => { shares[at * count + column] = sum > 0 ? share / sum : 0; });
      });
      return { ids, count, causal, key: `${layer} ${head} ${shown.hide}`, at: (row, column) => shares[row * count + column] };
    });
  }

  // How much a head does of something simple: the mean over the rows that could.
  function does(kind, layer, head) {
    return remember(`does ${kind} ${layer} ${head} ${shown.hide}`, () => {
      const found = view(layer, head), { sinks, causal } = shown.answer, shares = [];
      for (let row = 0; row < found.count; row++) {
        const other = { before: row - 1, itself: row, after: row + 1 }[kind];
        if (kind === 'sinks') { if (!sinks.includes(found.ids[row])) shares.push(sinks.reduce((sum, at) => sum + raw(layer, head, found.ids[row], at), 0)); }
        else if (other >= 0 && other < found.count && !(causal && row === 0)) shares.push(found.at(row, other));
      }
      return shares.length ? shares.reduce((one, each) => one + each, 0) / shares.length : 0;
    });
  }
  const kinds = () => ['before', 'itself', ...(shown.answer.causal ? [] : ['after']), ...(shown.hide ? [] : ['sinks'])];
  const nameOf = kind => (kind === 'sinks' ? (shown.answer.causal ? 'first' : 'marks') : kind);

  function best(name, score) { // the head that has the most of something
    return remember(`best ${name} ${shown.hide}`, () => {
      let found = { share: -1 };
      for (let layer = 0; layer < shown.answer.layers; layer++)
        for (let head = 0; head < shown.answer.heads; head++) {
          const share = score(layer, head);
          if (share > found.share) found = { layer, head, share };
        }
      return found;
    });
  }

  // ── What the artist does ────────────────────────────────────────────────────────────────────────────────────────────
  const now = () => hovered || shown.pinned;
  function show(change) { Object.assign(shown, change); redraw('attention'); }
  function pin(row, column = null) { hovered = null; show({ pinned: { row, column } }); }
  function hover(place) {
    if (JSON.stringify(place) === JSON.stringify(hovered)) return;
    hovered = place;
    redraw('attention');
  }
  function write(text) { shown.text = text; clearTimeout(later); later = setTimeout(ask, PAUSE); }

  function cellAt(event) {
    const canvas = root.querySelector('.map canvas'), found = view(), box = canvas.getBoundingClientRect();
    const at = (where, side) => Math.min(found.count - 1, Math.max(0, Math.floor(where * found.count / side)));
    return { row: found.ids[at(event.clientY - box.top, box.height)], column: found.ids[at(event.clientX - box.left, box.width)] };
  }

  function step(key, target) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[key], across = key === 'ArrowLeft' || key === 'ArrowRight';
    const { ids } = view(), within = (at, count) => Math.min(count - 1, Math.max(0, at));
    if (target.closest?.('.grid')) { // of heads
      const { heads } = shown.answer, grid = root.querySelector('.grid'), columns = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
      const at = (shown.head ?? -1) + 1 + by * (across ? 1 : columns);
      const head = within(at, heads + 1) - 1;
      show({ head: head < 0 ? null : head });
      root.querySelector('.grid [tabindex="0"]')?.focus();
      return;
    }
    const { row, column } = shown.pinned, at = Math.max(0, ids.indexOf(row));
    if (target.closest?.('.map')) {
      const beside = Math.max(0, ids.indexOf(column ?? row));
      pin(ids[across ? at : within(at + by, ids.length)], ids[across ? within(beside + by, ids.length) : beside]);
    } else if (across) {
      pin(ids[within(at + by, ids.length)]);
      if (target.closest?.('.words')) root.querySelector('.words [tabindex="0"]')?.focus();
    } else show({ layer: within(shown.layer + by, shown.answer.layers) });
  }

  addEventListener('keydown', event => { // before the page's own keys, which mean something else
    if (!shown) return;
    event.stopPropagation();
    if (event.key === 'Escape') { event.preventDefault(); close(); }
    else if (event.key.startsWith('Arrow') && shown.answer && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest?.('textarea, input')) {
      event.preventDefault();
      step(event.key, event.target);
    }
  }, true);

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  function math(tag, props, ...children) {
    const element = document.createElementNS(MATH, tag);
    for (const [name, value] of Object.entries(props || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const sign = name => math('mi', name.length > 1 ? { mathvariant: 'normal' } : null, name), operator = name => math('mo', null, name);

  function formula() { // softmax(Q K^T / sqrt(d_k))
    const product = math('mrow', null, sign('Q'), math('msup', null, sign('K'), sign('T')));
    const root = math('msqrt', null, math('msub', null, sign('d'), sign('k')));
    return math('math', { display: 'block', lang: 'en' }, sign('softmax'), math('mrow', null, operator('('), math('mfrac', null, product, root), operator(')')));
  }

  function asked() {
    const choice = (name, how) => h('button', { type: 'button', role: 'radio', 'aria-checked': String(shown.model === name), data: { click: 'model', model: name } },
      h('b', {}, say(name)), h('span', {}, say(how)));
    return h('div.ask', {},
      h('label.text', {}, h('span.visually-hidden', {}, say('text')),
        h('textarea', { rows: 1, maxlength: 10000, spellcheck: 'false', placeholder: say('empty'), data: { input: 'text', own: '', key: 'text' } }, shown.text)),
      h('div.switch', { role: 'radiogroup', 'aria-label': say('model') }, choice('writer', 'writer_how'), choice('reader', 'reader_how')));
  }

  function notices() {
    const { answer, waiting, problem } = shown;
    if (problem) return h('p.problem', { role: 'alert' }, problem);
    if (waiting) return h('p.note', { role: 'status' }, say('fetching', { title: waiting.title, percent: Math.floor(100 * waiting.done) }));
    if (slow) return h('p.note', { role: 'status' }, `${say('loading')} …`);
    if (!answer) return !busy && h('p.note', {}, h('button.link', { type: 'button', data: { click: 'example' } }, say('example')));
    const strange = [...new Set(answer.unknown.map(at => answer.tokens[at]))].join(' ');
    return [answer.cut > 0 && h('p.note', { role: 'status', data: { key: 'cut' } }, say('cut', { shown: answer.tokens.length - (answer.causal ? 0 : answer.sinks.length), cut: answer.cut })),
      strange && h('p.note', { data: { key: 'unknown' } }, say('unknown', { words: strange }))];
  }

  function line(found) { // the text itself, each word with how much the chosen one looks at it, and how much it looks at the chosen one
    const { tokens, spaced, sinks, causal } = shown.answer, row = found.ids.indexOf(now().row), told = share => share >= Duet.drawing.TOLD && `${Math.round(100 * share)}\u202f%`;
    return h('div.words', { class: tokens.length > Duet.drawing.MANY ? 'many' : '', role: 'group', 'aria-label': say('text') },
      tokens.map((token, at) => {
        const place = found.ids.indexOf(at), to = place < 0 || row < 0 ? 0 : found.at(row, place), by = place < 0 || row < 0 || place === row ? 0 : found.at(place, row);
        const chosen = at === now().row;
        return h('button.word', { type: 'button', disabled: place < 0, tabindex: at === shown.pinned.row ? '0' : '-1', 'aria-pressed': String(chosen), style: { '--to': Duet.drawing.place(to).toFixed(3) },
          class: [spaced[at] ? 'spaced' : '', !causal && sinks.includes(at) ? 'mark' : '', to >= Duet.drawing.LEAST ? 'seen' : ''].filter(Boolean).join(' '), data: { click: 'word', word: at, key: `word-${at}` } },
        h('span.to', {}, told(to) || ''), h('span.token', {}, token), h('span.by', {}, told(by) || ''));
      }),
      h('svg.curves', { 'aria-hidden': 'true', data: { own: '', key: 'curves' } }),
      h('p.key', { 'aria-hidden': 'true' }, h('span', {}, Duet.drawing.sample('to'), say('key_to')), h('span', {}, Duet.drawing.sample('by'), say('key_by'))));
  }

  function sentence(found) {
    const { tokens } = shown.answer, { row, column } = now(), at = found.ids.indexOf(row), beside = found.ids.indexOf(column);
    const list = shares => shares.filter(each => each.share >= 0.005).sort((one, other) => other.share - one.share).slice(0, NAMED)
      .map(each => `${spoken(tokens[each.at])} ${percent(each.share)}\u00a0%`).join(say('between'));
    if (at < 0) return '';
    if (column !== null && beside >= 0) {
      const values = { word: tokens[row], other: tokens[column], percent: percent(found.at(at, beside)) };
      return say(found.causal && beside > at ? 'masked' : 'pair', values);
    }
    const by = list(found.ids.map((id, place) => ({ at: id, share: place === at ? 0 : found.at(place, at) })));
    return [say('looks', { word: tokens[row], list: list(found.ids.map((id, place) => ({ at: id, share: found.at(at, place) }))) }), by ? say('looked', { list: by }) : say('looked_nobody')].join(Duet.value('header').text.between_sentences);
  }

  function strongest() { // of the pair that was chosen, where else it is looked at more
    const { row, column } = shown.pinned, found = view(), at = found.ids.indexOf(row), beside = found.ids.indexOf(column);
    if (at < 0 || beside < 0 || (found.causal && beside > at)) return false;
    const top = best(`pair ${row} ${column}`, (layer, head) => view(layer, head).at(at, beside));
    if (top.layer === shown.layer && top.head === shown.head) return false;
    return h('button.link', { type: 'button', data: { click: 'go', layer: top.layer, head: top.head } }, say('strongest', { layer: top.layer + 1, head: top.head + 1, percent: percent(top.share) }));
  }

  // Width of a label in pixels, near enough to lay it out.
  const long = token => [...token].reduce((sum, each) => sum + (each > '\u2e80' ? 13 : 7.4), 0);

  function chart(found) {
    const { tokens } = shown.answer, { count, ids } = found, longest = Math.min(96, Math.max(...ids.map(id => long(tokens[id])))), side = Math.max(72, longest + 14);
    const room = Math.min(wide || 600, NARROW.matches ? Infinity : Math.max(280, innerHeight - 440) + side) - side;
    const cell = Math.max(SMALL, Math.min(LARGE, Math.floor(room / count))), slant = longest > cell - 4;
    const top = slant ? Math.ceil(longest * (cell >= 22 ? 0.72 : 1)) + 14 : 26, { row, column } = now(), dots = devicePixelRatio;
    const label = (kind, id, place, on) => h(`span.label.${kind}`, { class: on ? 'on' : '', style: { '--place': place }, title: tokens[id], data: { word: id, click: 'word' } }, h('span', {}, tokens[id]));
    const at = ids.indexOf(row), beside = column === null ? -1 : ids.indexOf(column);
    return h('div.chart', { style: { '--cell': `${cell}px`, '--count': count, '--side': `${side}px`, '--top': `${top}px`, '--over': `${slant && cell >= 22 ? Math.ceil(longest * 0.72) - 8 : 0}px` } }, h('div.map', { class: [slant ? (cell >= 22 ? 'slant' : 'upright') : '', NARROW.matches ? 'whole' : ''].filter(Boolean).join(' '), tabindex: '0', role: 'img', 'aria-label': `${say('map')}. ${sentence(found)}` },
    h('div.corner', {}, h('span', {}, `${say('columns')} →`), h('span', {}, `${say('rows')} ↓`)),
    h('div.columns', {}, ids.map((id, place) => label('column', id, place, id === column))),
    h('div.rows', {}, ids.map((id, place) => label('row', id, place, id === row))),
    h('div.cells', { data: { click: 'cell' } },
      h('canvas', { width: Math.round(count * cell * dots), height: Math.round(count * cell * dots), data: { own: '', key: 'cells', cell } }),
      found.causal && count * cell > 190 && count > 4 && beside <= at && h('span.why-not', {}, say('mask')),
      at >= 0 && h('i.band', { style: { '--at': at } }),
      at >= 0 && beside >= 0 && h('i.cell', { style: { '--at': at, '--beside': beside } }),
      at >= 0 && beside >= 0 && h('span.tip', { class: [at < 2 ? 'under' : '', beside > count / 2 ? 'left' : ''].filter(Boolean).join(' '), style: { '--at': at, '--beside': beside } },
        `${tokens[row]} → ${tokens[column]}`, h('b', {}, found.causal && beside > at ? say('shut') : `${percent(found.at(at, beside))} %`)))), legend());
  }

  function legend() {
    return h('div.legend', { 'aria-hidden': 'true' }, h('span.scale', {}),
      [0, 0.01, 0.05, 0.2, 0.5, 1].map(share => h('span.tick', { style: { '--x': Duet.drawing.place(share).toFixed(3) } }, `${100 * share}${share === 1 ? ' %' : ''}`)));
  }

  function side() {
    const { answer, layer, head, hide } = shown, rest = Array.from({ length: answer.heads }, (_, at) => at);
    const stamp = at => {
      const kind = at === null ? null : kinds().find(each => does(each, layer, at) >= CLEAR), name = kind && say(`tag_${nameOf(kind)}`);
      const title = at === null ? say('average') : say('head', { head: at + 1 }) + (kind ? `: ${say(`find_${nameOf(kind)}`)}, ${percent(does(kind, layer, at))} %` : '');
      return h('button.stamp', { type: 'button', role: 'radio', 'aria-checked': String(head === at), tabindex: head === at ? '0' : '-1', title, 'aria-label': title, data: { click: 'head', head: at ?? '', key: `stamp-${at}` } },
        h('canvas', { width: view(layer, at).count, height: view(layer, at).count, data: { own: '', key: 'stamp' } }), h('span', {}, at === null ? say('average_short') : at + 1, name && h('em', {}, name)));
    };
    const layerName = say('layer', { layer: layer + 1, layers: answer.layers });
    return h('aside.side', {},
      h('label.layer', {}, h('span', {}, layerName),
        h('input', { type: 'range', min: 0, max: answer.layers - 1, step: 1, value: layer, 'aria-valuetext': layerName, 'aria-label': say('layer_name'), data: { input: 'layer' } })),
      h('div.grid', { role: 'radiogroup', 'aria-label': say('heads') }, stamp(null), rest.map(stamp)),
      h('div.find', {}, h('h3', {}, say('find')), h('div', {}, kinds().map(kind => {
        const top = best(kind, (one, other) => does(kind, one, other)), here = top.layer === layer && top.head === head;
        return h('button.chip', { type: 'button', 'aria-pressed': String(here), title: `${say('layer', { layer: top.layer + 1, layers: answer.layers })}, ${say('head', { head: top.head + 1 })}: ${percent(top.share)} %`,
          data: { click: 'go', layer: top.layer, head: top.head } }, say(`find_${nameOf(kind)}`));
      }))),
      h('label.hide', {}, h('input', { type: 'checkbox', checked: hide, disabled: !hideable(), data: { change: 'hide' } }),
        h('span', {}, say(answer.causal ? 'hide_first' : 'hide_marks'), h('small', {}, say(answer.causal ? 'takes_first' : 'takes_marks', { percent: percent(answer.share) })))));
  }

  function explained() {
    const { causal, width } = shown.answer, part = (...names) => h('p', {}, names.map(name => say(name, { width })).join(Duet.value('header').text.between_sentences));
    return h('section.how', {}, h('h3', {}, say('how')), formula(), part('how_words'), part(causal ? 'how_causal' : 'how_both'), part(causal ? 'how_sink_first' : 'how_sink_marks'),
      part('how_care', 'pieces'), h('p.keys', {}, say('keys')));
  }

  define('attention', {
    root, value: {},
    on: {
      close,
      example() { const field = root.querySelector('textarea'); field.value = EXAMPLE; show({ text: EXAMPLE, layer: null }); ask(); },
      text(field) { write(field.value); },
      model(button) { if (button.dataset.model !== shown.model) { show({ model: button.dataset.model, layer: null, answer: null, hide: false }); ask(); } },
      layer(input) { show({ layer: Number(input.value) }); },
      head(button) { show({ head: button.dataset.head === '' ? null : Number(button.dataset.head) }); },
      go(button) { show({ layer: Number(button.dataset.layer), head: Number(button.dataset.head) }); },
      hide(input) { show({ hide: input.checked }); },
      cell(_, event) { const { row, column } = cellAt(event); pin(row, column); },
      word(button) { pin(Number(button.dataset.word)); },
      backdrop(element, event) { if (event.target === element) close(); },
    },
    drawn() {
      if (!shown?.answer) return;
      const found = view(), { drawing } = Duet, canvas = root.querySelector('.map canvas'), paint = (where, seen, how) => {
        const key = [seen.key, Duet.dark(), where.width, JSON.stringify(seen.ids)].join(' ');
        if (where.answer === shown.answer && where.key === key) return;
        how(where, seen);
        Object.assign(where, { answer: shown.answer, key });
      };
      if (canvas) paint(canvas, found, () => drawing.map(canvas, found, Number(canvas.dataset.cell)));
      for (const each of root.querySelectorAll('.stamp')) paint(each.querySelector('canvas'), view(shown.layer, each.dataset.head === '' ? null : Number(each.dataset.head)), drawing.stamp);
      const buttons = found.ids.map(id => root.querySelector(`.word[data-word="${id}"]`));
      drawing.curves(root.querySelector('.curves'), buttons, found, found.ids.indexOf(now().row));
    },
    draw() {
      if (!shown) return [];
      const { answer } = shown, found = answer && view();
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': say('title'), data: { click: 'backdrop' } },
        h('header.head', {}, h('h2', {}, say('title')), h('button.icon', { type: 'button', 'aria-label': Duet.value('header').text.close, data: { click: 'close' } }, icon('close'))),
        asked(),
        h('div.notes', { data: { key: 'notes' } }, notices()),
        h('div.body', { data: { key: 'body' }, class: busy ? 'waits' : '' },
          h('div.main', { data: { key: 'main' } },
            found && [line(found),
              h('p.said', { role: 'status', data: { key: 'said' } }, sentence(found), ' ', JSON.stringify(now()) === JSON.stringify(shown.pinned) && strongest()),
              h('div.lower', {}, chart(found), explained())]),
          found && side()));
    },
  });
  panels.attention.root = root;
  const watch = new ResizeObserver(([entry]) => {
    wide = entry.contentRect.width - (NARROW.matches ? 0 : BESIDE);
    redraw('attention');
  });
  for (const kind of ['click', 'input', 'change'])
    root.addEventListener(kind, event => {
      const target = event.target.closest(`[data-${kind}]`);
      if (target && !target.disabled) panels.attention.on[target.getAttribute(`data-${kind}`)]?.(target, event);
    });
  root.addEventListener('pointermove', event => {
    if (!shown?.answer || event.pointerType !== 'mouse') return;
    const word = event.target.closest('[data-word]'), able = word && view().ids.includes(Number(word.dataset.word));
    if (event.target.closest('.cells')) hover(cellAt(event));
    else hover(able ? { row: Number(word.dataset.word), column: null } : null);
  });
  root.addEventListener('pointerleave', () => { if (shown?.answer) hover(null); });
  root.addEventListener('focusin', event => {
    const word = event.target.closest('.word');
    if (word && Number(word.dataset.word) !== shown.pinned.row) pin(Number(word.dataset.word));
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw('attention'));

  Duet.attention = { open, close, isOpen: () => shown !== null };
})();
