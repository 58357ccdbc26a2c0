// Full size, one picture at a time, and beside the content.
(() => {
  const { h, define, icon, redraw, panels, fill } = Duet;
  let shown = null;    // the variant that is open
  let compare = false; // whether the content lies under a movable edge
  let edge = 50;       // where that edge is, in per cent

  const root = document.body.appendChild(h('section.duet-light', { id: 'duet-light' }));

  function open(index, beside = false) {
    if (!there().includes(index)) return; // what is not painted yet cannot be looked at
    const before = document.activeElement;
    shown = index; compare = beside; edge = 50;
    panels.light.value = {};
    redraw('light');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
  }
  function close() {
    if (shown === null) return;
    const back = shown;
    shown = null; compare = false;
    redraw('light');
    Duet.modal.leave();
    if (document.activeElement === document.body || document.activeElement.closest('.tile')) Duet.focusOn(back);
  }
  function there() { return (Duet.value('round')?.tiles || []).filter(each => each.src).map(each => each.index); }
  function step(by) {
    const all = there();
    if (!all.length) return;
    shown = all[(all.indexOf(shown) + by + all.length) % all.length];
    redraw('light');
  }

  define('light', {
    root, value: {},
    on: {
      close, left() { step(-1); }, right() { step(1); },
      compare() { compare = !compare; redraw('light'); },
      edge(input) { edge = Number(input.value); root.querySelector('.under')?.style.setProperty('--edge', `${edge}%`); },
      backdrop(element, event) { if (event.target === element) close(); },
      like() { Duet.judging.like(shown); }, dislike() { Duet.judging.dislike(shown); }, pick() { Duet.judging.pick(shown); }, star() { Duet.judging.star(shown); },
      parent() { Duet.breed.turn(Duet.tile(shown)); }, family() { const at = shown; close(); Duet.family.open(Duet.value('round').round, at); },
      branch() { Duet.judging.branch(shown); }, instyle() { const { download, file } = Duet.tile(shown); close(); Duet.paintIn(download, file); },
      larger() { Duet.large.begin(Duet.value('round').round, shown); }, smaller() { Duet.large.stop(Duet.value('round').round, shown); },
    },
    drawn() { if (shown !== null && !root.firstChild) close(); }, // its round is not the one on the page any more
    draw() {
      const round = Duet.value('round'), each = round?.tiles.find(one => one.index === shown);
      if (!each?.src) return [];
      const large = Duet.large.picture(round, each), text = round.text, plain = Duet.isOriginal() && round.content;
      const act = (name, glyph, label, pressed) => h('button.act', { type: 'button', class: name, 'aria-pressed': String(Boolean(pressed)), title: label, 'aria-label': label, data: { click: name } }, icon(glyph));
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': `${each.number}, ${each.role_name}`, data: { click: 'backdrop' } },
        h('div.stage', { style: { '--ar': round.aspect } },
          h('img', { src: plain ? round.content.full : large.full, alt: each.facts.join(', ') }),
          compare && round.content && h('div.under', { style: { '--edge': `${edge}%` } }, h('img', { src: round.content.full, alt: text.original })),
          compare && round.content && h('input', { type: 'range', min: 0, max: 100, step: 0.5, value: edge, 'aria-label': text.compare, data: { input: 'edge' } })),
        h('div.under-line', {},
          h('button.act', { type: 'button', 'aria-label': text.previous, title: text.previous, data: { click: 'left' } }, icon('left')),
          h('span.number', {}, each.number), h('span.role', {}, Duet.shape(each.shape), plain ? text.original : each.role_name),
          h('span.why', {}, each.reason), 
          act('like', 'heart', text.like, each.like), act('dislike', 'cross', text.dislike, each.dislike), act('star', 'star', text.star, each.starred),
          round.breeds && act('parent', 'parent', text.parent_make, Duet.breed.has(each.sha256)), round.breeds && act('family', 'family', text.family, null),
          round.content && act('compare', 'split', text.compare, compare),
          round.total > 4 && [act('branch', 'branch', text.branch, null), Duet.mode() === 'image' && act('instyle', 'brush', text.in_style, null), Duet.large.button(round, each)],
          h('a.act', { href: large.download, download: large.file, title: text.download, 'aria-label': text.download }, icon('down')),
          h('button.act.pick', { type: 'button', 'aria-pressed': String(Boolean(each.picked)), data: { click: 'pick' } }, each.picked ? text.picked : text.pick),
          h('button.act', { type: 'button', 'aria-label': text.next, title: text.next, data: { click: 'right' } }, icon('right'))),
        h('button.act.shut', { type: 'button', 'aria-label': text.close, title: text.close, data: { click: 'close' } }, icon('close')));
    },
  });
  panels.light.root = root;
  for (const kind of ['click', 'input'])
    root.addEventListener(kind, event => {
      const target = event.target.closest(`[data-${kind}]`);
      if (target) panels.light.on[target.getAttribute(`data-${kind}`)]?.(target, event);
    });

  Object.assign(Duet, { light: open, lightIsOpen: () => shown !== null, lightStep: step, lightClose: close, lit: () => shown,
    compare() {
      if (Duet.value('round')?.kind === 'text') { if (Duet.readingIsOpen()) Duet.readingCompare(); else Duet.reading(Duet.focused(), true); }
      else if (shown === null) open(Duet.focused(), true);
      else { compare = !compare; redraw('light'); }
    } });
})();
