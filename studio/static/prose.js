// A text variant as a card: its words as they are written, judged like a picture, taken over in whole or in part, mended by hand.
(() => {
  const { h, icon, shape, redraw, tell, fill } = Duet;
  let editing = null;       // {round, index}: the tile that is being mended
  const raw = new Set();    // tiles that show what was written before the filters, `round:index`
  let copied = null;        // the tile whose text was copied a moment ago

  const round = () => Duet.value('round');
  const tile = index => round()?.tiles.find(each => each.index === index);
  const indent = each => /^\s*/.exec(each.edited ?? each.words)[0]; // the space before the first word: nothing to mend
  const id = index => `${round().round}:${index}`;

  function button(act, glyph, label, pressed = null, props = {}) {
    return h('button.act', { type: 'button', class: act, 'aria-pressed': pressed === null ? null : String(Boolean(pressed)), 'aria-label': label, title: label,
      data: { click: act }, ...props }, icon(glyph));
  }

  // Whole, or token by token once it is known how the model reads it: each can be pointed at.
  function body(value, each) {
    const text = value.text;
    if (editing?.round === value.round && editing.index === each.index)
      return h('textarea.mend', { dir: 'auto', 'aria-label': text.edit, data: { keydown: 'mendKey', own: 'true', key: 'mend' } }, (each.edited ?? each.words).slice(indent(each).length));
    const plain = raw.has(id(each.index)) ? each.raw : each.edited ?? each.words;
    const tokens = each.made && plain === each.words ? Duet.tokens.of(value.round, each.index) : null;
    return h('div.words', { dir: 'auto', tabindex: each.made ? '0' : null, role: each.made ? 'group' : null, 'aria-label': each.made ? `${each.number}, ${text.others_hint}` : null, 'aria-busy': each.made ? null : 'true',
      title: each.made ? text.others_hint : null, data: { key: 'words', click: each.made ? 'word' : null, index: each.index } },
    tokens ? tokens.map((token, at) => h('span.token', { data: { at, key: `t${at}` }, class: Duet.tokens.isAt(value.round, each.index, at) ? 'here' : null }, at ? token.text : token.text.trimStart())) : (plain ?? each.draft ?? '').trimStart(), // the space before the first word is the notebook's matter
    !each.made && h('i.caret', { 'aria-hidden': 'true', data: { key: 'caret' } }));
  }

  function chips(value, each) {
    const text = value.text;
    const told = [each.edited && text.edited, ...(each.remarks || [])].filter(Boolean), open = raw.has(id(each.index));
    return (told.length > 0 || each.raw) && h('div.told', { title: told.join(' ') },
      h('span.chips', {}, told.map(remark => h('span.chip', {}, remark))),
      each.raw && h('button.link', { type: 'button', 'aria-pressed': String(open), data: { click: 'raw' } }, open ? text.raw_back : text.raw));
  }

  function deeds(value, each) {
    const text = value.text, there = each.made;
    if (editing?.round === value.round && editing.index === each.index)
      return h('div.deeds', {}, h('button.act.pick', { type: 'button', data: { click: 'mendLeave' } }, text.edit_leave), h('button.act.pick.use', { type: 'button', data: { click: 'mendKeep' } }, text.edit_keep));
    return h('div.deeds', {},
      button('like', 'heart', text.like, each.like, { disabled: !there }), button('dislike', 'cross', text.dislike, each.dislike, { disabled: !there }),
      h('button.act.pick', { type: 'button', disabled: !there, 'aria-pressed': String(Boolean(each.picked)), title: text.pick, data: { click: 'pick' } }, each.picked ? text.picked : text.pick),
      h('button.act.pick.use', { type: 'button', disabled: !there, title: text.use_title, data: { click: 'use' } }, text.use));
  }

  function bridge(value, each) { // a prompt for pictures goes on to image mode
    if (!value.sends || !each.made || !each.picked) return null;
    const text = value.text;
    return h('div.bridge', {},
      h('button.act.pick', { type: 'button', data: { click: 'send' } }, icon('image'), text.send),
      h('button.act.pick', { type: 'button', data: { click: 'copy' } }, copied === id(each.index) ? text.copied : text.copy));
  }

  function card(value, each) {
    const text = value.text, there = each.made, why = `${each.reason} ${each.facts.join(' · ')} · ${text.seed} ${each.seed}`;
    return h('article.tile.prose', { tabindex: '0', role: 'group', 'aria-label': `${each.number}, ${each.role_name}. ${each.reason}`,
      class: [there ? 'made' : 'coming', each.picked && 'is-picked', each.dislike && 'is-disliked'].filter(Boolean).join(' '),
      data: { key: `tile-${each.index}`, index: each.index } },
    h('div.caption', { title: why, data: { pointerdown: 'drag' } },
      h('span.number', {}, each.number), h('span.role', {}, shape(each.shape), each.role_name),
      each.rank !== null && each.rank !== undefined && h('span.ranked', {}, text[`place_${each.rank + 1}`]),
      each.starred && h('span.starred', { title: text.star }, icon('star')),
      deeds(value, each)),
    body(value, each), chips(value, each), bridge(value, each),
    there && h('div.corner', {},
        button('edit', 'pen', text.edit), button('copy', copied === id(each.index) ? 'check' : 'copy', copied === id(each.index) ? text.copied : text.copy),
        button('branch', 'branch', text.from_variant), button('star', 'star', text.star, each.starred),
        button('inside', 'grid', Duet.value('header').attention?.attention_open, null, { hidden: !Duet.attention }),
        button('open', 'image', text.reading, null, { class: 'zoom' })),
    h('p.reason', {}, each.reason));
  }

  function use(index) { if (tile(index)?.made) Duet.notebook.flush().then(() => tell('notebook', 'use', { round: round().round, variant: index })); }
  function edit(index) {
    if (!tile(index)?.made) return;
    editing = { round: round().round, index };
    redraw('round');
    document.querySelector('.duet-round textarea.mend')?.focus();
  }
  function leave() {
    const back = editing?.index;
    editing = null;
    redraw('round');
    if (back !== undefined) Duet.focusOn(back);
  }
  function keep() {
    const { index } = editing, each = tile(index), words = indent(each) + document.querySelector('.duet-round textarea.mend').value;
    const changed = words !== (each.edited ?? each.words);
    leave();
    if (changed) Duet.notebook.flush().then(() => tell('notebook', 'mend', { round: round().round, variant: index, text: words }));
  }
  async function copy(index) {
    const each = tile(index);
    try { await navigator.clipboard.writeText(each.edited ?? each.words); } catch { return; }
    copied = id(index);
    redraw('round');
    setTimeout(() => { copied = null; redraw('round'); }, 1500);
  }

  const at = element => Number(element.closest('.tile').dataset.index);
  Duet.prose = {
    card, use, edit, copy,
    on: {
      use(element) { use(at(element)); }, edit(element) { edit(at(element)); }, copy(element) { copy(at(element)); },
      raw(element) { const name = id(at(element)); if (!raw.delete(name)) raw.add(name); redraw('round'); },
      send(element) { tell('notebook', 'send', { round: round().round, variant: at(element) }).then(sent => { if (sent) Duet.turn('image'); }); },
      inside(element) { Duet.attention.open(tile(at(element)).words.trimStart()); },
      word(element, event) { Duet.tokens.open(at(element), event); },
      mendKeep: keep, mendLeave: leave,
      mendKey(area, event) {
        if (event.key === 'Escape') leave();
        else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) keep();
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    },
  };
})();
