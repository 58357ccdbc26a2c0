// The four texts as large pages; two beside each other with what differs between them.
(() => {
  const { h, define, icon, shape, redraw, panels, fill } = Duet;
  let shown = null; // the variant that keys speak to
  let other = null; // the one it is compared with

  const root = document.body.appendChild(h('section.duet-reading', { id: 'duet-reading' }));
  const there = () => (Duet.value('round')?.tiles || []).filter(each => each.made && each.words !== undefined);
  const words = each => each.edited ?? each.words ?? '';

  function open(index, beside = false) {
    if (!there().some(each => each.index === index)) return;
    const before = document.activeElement;
    shown = index;
    other = beside ? there().find(each => each.index !== index)?.index ?? null : null;
    panels.reading.value = {};
    redraw('reading');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
  }
  function close() {
    if (shown === null) return;
    const back = shown;
    shown = other = null;
    redraw('reading');
    Duet.modal.leave();
    Duet.focusOn(back);
  }
  function step(by) {
    const all = there().map(each => each.index);
    shown = all[(all.indexOf(shown) + by + all.length) % all.length];
    if (other === shown) other = all.find(each => each !== shown) ?? null;
    redraw('reading');
  }
  function compare() {
    other = other === null ? there().find(each => each.index !== shown)?.index ?? null : null;
    redraw('reading');
  }

  // ── What differs: the longest run of units that both have in the same order (Wagner and Fischer 1974) ────────────────
  const units = text => text.match(/[\u3040-\u30ff\u3400-\u9fff]|[\p{L}\p{N}]+|\s+|[^]/gu) || [];
  function differences(one, another) { // for each of the two: [shared, text]
    const a = units(one), b = units(another), table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1)
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    const left = [], right = [];
    const add = (list, shared, text) => { const last = list.at(-1); if (last && last[0] === shared) last[1] += text; else list.push([shared, text]); };
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { add(left, true, a[i]); add(right, true, b[j]); i += 1; j += 1; }
      else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) { add(left, false, a[i]); i += 1; }
      else { add(right, false, b[j]); j += 1; }
    }
    return [left, right];
  }

  function page(round, each, parts) {
    const text = round.text;
    const act = (name, glyph, label, pressed) => h('button.act', { type: 'button', class: name, 'aria-pressed': String(Boolean(pressed)), title: label, 'aria-label': label, data: { click: name, index: each.index } }, icon(glyph));
    return h('article.sheet', { class: [each.index === shown ? 'current' : '', each.picked ? 'is-picked' : ''].join(' '), 'aria-label': `${each.number}, ${each.role_name}`, data: { click: 'turnTo', index: each.index, key: `page-${each.index}` } },
      h('header', {}, h('span.number', {}, each.number), h('span.role', {}, shape(each.shape), each.role_name)),
      h('div.text', { dir: 'auto' }, parts ? parts.map(([shared, part]) => (shared ? part : h('mark', {}, part))) : words(each).trimStart()),
      h('footer', {}, h('p.why', {}, each.reason),
        h('div.deeds', {}, act('like', 'heart', text.like, each.like), act('dislike', 'cross', text.dislike, each.dislike), act('star', 'star', text.star, each.starred),
          h('button.act.pick', { type: 'button', 'aria-pressed': String(Boolean(each.picked)), data: { click: 'pick', index: each.index } }, each.picked ? text.picked : text.pick),
          h('button.act.pick.use', { type: 'button', data: { click: 'use', index: each.index } }, text.use))));
  }

  const at = element => Number(element.dataset.index);
  define('reading', {
    root, value: {},
    on: {
      close, left() { step(-1); }, right() { step(1); }, compare,
      backdrop(element, event) { if (event.target === element) close(); },
      turnTo(element, event) { if (event.target.closest('button') || getSelection()?.toString()) return; shown = at(element); redraw('reading'); },
      against(select) { other = Number(select.value); redraw('reading'); },
      like(element) { Duet.judging.like(at(element)); }, dislike(element) { Duet.judging.dislike(at(element)); }, pick(element) { Duet.judging.pick(at(element)); },
      star(element) { Duet.judging.star(at(element)); }, use(element) { Duet.prose.use(at(element)); },
    },
    drawn() { if (shown !== null && !root.firstChild) close(); },
    draw() {
      const round = Duet.value('round'), all = there();
      const first = all.find(each => each.index === shown), second = all.find(each => each.index === other);
      if (!first) return [];
      const text = round.text, pair = second ? differences(words(first).trimStart(), words(second).trimStart()) : null;
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': text.reading, data: { click: 'backdrop' } },
        h('div.pages', { class: pair ? 'of-2' : `of-${all.length}` }, pair ? [page(round, first, pair[0]), page(round, second, pair[1])] : all.map(each => page(round, each, null))),
        h('div.under-line', {},
          h('button.act', { type: 'button', 'aria-label': text.previous, title: text.previous, data: { click: 'left' } }, icon('left')),
          h('button.quiet', { type: 'button', 'aria-pressed': String(Boolean(pair)), disabled: all.length < 2, data: { click: 'compare' } }, icon('split'), text.reading_with, h('kbd', {}, 'C')),
          pair && h('select', { 'aria-label': text.reading_with, data: { change: 'against' } }, all.filter(each => each.index !== shown).map(each => h('option', { value: each.index, selected: each.index === other }, `${each.number} ${each.role_name}`))),
          h('button.act', { type: 'button', 'aria-label': text.next, title: text.next, data: { click: 'right' } }, icon('right'))),
        h('button.act.shut', { type: 'button', 'aria-label': text.close, title: text.close, data: { click: 'close' } }, icon('close')));
    },
  });
  panels.reading.root = root;
  for (const kind of ['click', 'change'])
    root.addEventListener(kind, event => {
      const target = event.target.closest(`[data-${kind}]`);
      if (target) panels.reading.on[target.getAttribute(`data-${kind}`)]?.(target, event);
    });

  Object.assign(Duet, { reading: open, readingIsOpen: () => shown !== null, readingClose: close, readingStep: step, readingCompare: compare, readingAt: () => shown });
})();
