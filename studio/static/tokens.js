// What else the model had in mind: a token of a variant, its alternatives with their chances, and the ways on from there.
(() => {
  const { h, define, redraw, panels, tell, say, fill } = Duet;
  const read = new Map(); // `session:round:index` -> the tokens that the server told, or a promise of them
  let shown = null;       // {round, index, at, x, y}: the token whose others are shown

  const root = document.body.appendChild(h('section.duet-tokens', { id: 'duet-tokens' }));
  const key = (round, index) => `${Duet.value('round').session}:${round}:${index}`;
  const of = (round, index) => { const found = read.get(key(round, index)); return Array.isArray(found) ? found : null; };
  const tokens = () => of(shown.round, shown.index);

  async function ask(round, index) {
    const name = key(round, index), value = Duet.value('round');
    if (read.has(name)) return read.get(name);
    const asking = fetch(`duet/${value.session}/tokens?lang=${value.language}`, { method: 'POST', body: JSON.stringify({ round, variant: index }) })
      .then(answer => answer.json()).catch(() => ({ error: value.text.lost }));
    read.set(name, asking);
    const found = await asking;
    if (Array.isArray(found)) read.set(name, found);
    else { read.delete(name); say(found.error); }
    return found;
  }

  // Where in the card's text somebody has pressed, in UTF-16 units.
  function pressed(words, event) {
    const chosen = getSelection();
    if (chosen && !chosen.isCollapsed && words.contains(chosen.focusNode)) { // a selection: as far as it goes
      const range = chosen.getRangeAt(0), before = document.createRange();
      before.setStart(words, 0); before.setEnd(range.endContainer, range.endOffset);
      return { offset: Math.max(0, before.toString().length - 1), box: range.getBoundingClientRect() };
    }
    const caret = document.caretPositionFromPoint?.(event.clientX, event.clientY), older = caret ? null : document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const node = caret?.offsetNode || older?.startContainer, into = caret ? caret.offset : older?.startOffset;
    if (!node || !words.contains(node)) return null;
    const before = document.createRange();
    before.setStart(words, 0); before.setEnd(node, into);
    return { offset: before.toString().length, box: null };
  }

  async function open(index, event = null) {
    const value = Duet.value('round'), each = value.tiles.find(one => one.index === index);
    if (!each?.made || (each.edited && each.edited !== each.words)) return;
    const words = document.querySelector(`.duet-round .tile[data-index="${index}"] .words`);
    const place = event ? pressed(words, event) : { offset: 0 };
    if (!place) return;
    const found = await ask(value.round, index);
    if (!Array.isArray(found) || !found.length || Duet.value('round').round !== value.round) return;
    let at = 0, seen = each.words.trimStart().length - each.words.length; // the space before the first word is not shown
    while (at < found.length - 1 && seen + found[at].text.length <= place.offset) { seen += found[at].text.length; at += 1; }
    const before = document.activeElement;
    shown = { round: value.round, index, at, back: shown?.back || before };
    panels.tokens.value = {};
    redraw('round'); redraw('tokens');
    root.querySelector('.others button')?.focus({ preventScroll: true });
  }

  function close() {
    if (!shown) return;
    const { index } = shown;
    shown = null;
    redraw('tokens'); redraw('round');
    document.querySelector(`.duet-round .tile[data-index="${index}"] .words`)?.focus({ preventScroll: true });
  }

  function step(by) {
    const at = shown.at + by;
    if (at < 0 || at >= tokens().length) return;
    shown.at = at;
    redraw('round'); redraw('tokens');
    root.querySelector('.others button')?.focus({ preventScroll: true });
  }

  const length = list => list.reduce((sum, token) => sum + [...token.text].length, 0); // in whole characters, as the studio counts

  async function take(then = null) {
    const { round, index, at } = shown, found = tokens(), upto = length(found.slice(0, then === null ? at + 1 : at));
    close();
    await Duet.notebook.flush();
    await tell('notebook', 'use', { round, variant: index, upto, ...(then === null ? {} : { then }) });
    if (then !== null) Duet.again();
  }

  // As it can be seen; where others begin a new word, what only goes on with one has a hyphen before it.
  const visible = (text, words) => (words && /^[\p{L}\p{N}]/u.test(text) ? '‑' : '') + text.replace(/^ (?=\S)/, '').replace(/\n/g, '⏎').replace(/\t/g, '⇥').replace(/^ | $/g, '␣').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '�');

  function place() { // below its token, or above where there is no room
    const token = document.querySelector('.duet-round .token.here'), card = root.querySelector('.card');
    if (!token || !card) return;
    token.scrollIntoView({ block: innerWidth < 860 ? 'start' : 'nearest' });
    const box = token.getBoundingClientRect(), { offsetWidth: wide, offsetHeight: high } = card;
    const left = Math.min(Math.max(8, box.left - 16), innerWidth - wide - 8);
    const below = box.bottom + 6, top = below + high < innerHeight - 8 ? below : Math.max(8, box.top - high - 6);
    Object.assign(card.style, { left: `${left}px`, top: `${top}px` });
  }

  define('tokens', {
    root, value: {},
    on: {
      close, take() { take(); }, left() { step(-1); }, right() { step(1); },
      other(button) { take(tokens()[shown.at].others[Number(button.dataset.other)][0]); },
      key(card, event) {
        const buttons = [...root.querySelectorAll('.others button')], now = buttons.indexOf(document.activeElement);
        const by = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowDown: () => buttons[Math.min(buttons.length - 1, now + 1)]?.focus(),
          ArrowUp: () => buttons[Math.max(0, now - 1)]?.focus(), Escape: close }[event.key];
        if (!by) return;
        by();
        event.preventDefault();
        event.stopPropagation();
      },
    },
    drawn() { if (shown) place(); },
    draw() {
      const round = Duet.value('round');
      if (!shown || round?.round !== shown.round || !tokens()) { shown = null; return []; }
      const text = round.text, token = tokens()[shown.at], most = Math.max(token.p, ...token.others.map(each => each[1]), 1e-9);
      const percent = share => (share >= 0.0995 ? `${Math.round(100 * share)} %` : `${(100 * share).toFixed(1)} %`);
      const words = [token.text, ...token.others.map(each => each[0])].some(each => /^ \S/.test(each));
      const bar = share => h('span.bar', { style: { '--share': share / most } });
      return h('div.card', { role: 'dialog', 'aria-label': fill(text.others, { word: token.text.trim() }), data: { keydown: 'key', key: 'card' } },
        h('header', {}, h('strong', { dir: 'auto' }, visible(token.text, words)), h('span.share', {}, percent(token.p)),
          h('button.act.pick.use', { type: 'button', data: { click: 'take' } }, text.use_here)),
        h('p.small', {}, token.others.length ? text.others_title : text.others_none),
        h('ol.others', {}, token.others.map(([other, share], at) => h('li', {},
          h('button', { type: 'button', class: other === token.text ? 'same' : '', data: { click: 'other', other: at } }, h('span.word', { dir: 'auto' }, visible(other, words)), bar(share), h('span.share', {}, percent(share)))))));
    },
  });
  panels.tokens.root = root;
  for (const kind of ['click', 'keydown'])
    root.addEventListener(kind, event => {
      const target = event.target.closest(`[data-${kind}]`);
      if (target) panels.tokens.on[target.getAttribute(`data-${kind}`)]?.(target, event);
    });
  document.addEventListener('pointerdown', event => { if (shown && !root.contains(event.target) && !event.target.closest('.words')) close(); });
  addEventListener('resize', () => { if (shown) place(); });

  Duet.tokens = { of, open, isAt: (round, index, at) => shown?.round === round && shown.index === index && shown.at === at, isOpen: () => shown !== null };
  Duet.tokensClose = close;
})();
